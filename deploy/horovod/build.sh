#!/usr/bin/env bash
# Builds the Horovod wheel once for this Python, torch and machine, and keeps it in the user's cache.
#
#   deploy/horovod/build.sh PYTHON        prints the path of the wheel on its last line
#
# PYTHON must already hold torch, setuptools<81, wheel, cmake, cffi, cloudpickle, psutil, PyYAML and
# packaging (requirements/build.txt). With HOROVOD_GPU_OPERATIONS=NCCL in the environment the wheel is
# built against CUDA and NCCL; the cache keeps both builds apart.
#
# Horovod 0.28.1 predates torch 2.13, whose headers need C++20, and CMake 4, which refuses policies
# older than 3.5; both are changed below and nothing else is.
set -euo pipefail

python=${1:?usage: build.sh PYTHON}
version=0.28.1
here=$(cd "$(dirname "$0")" && pwd)
gpu=${HOROVOD_GPU_OPERATIONS:-cpu}

torch_version=$("$python" -c 'import torch; print(torch.__version__)')
python_tag=$("$python" -c 'import sys; print(f"cp{sys.version_info.major}{sys.version_info.minor}")')
recipe=$(sha256sum "$here/build.sh" | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lakesynth/wheels
folder=$cache/horovod-$version-torch-$torch_version-$python_tag-$(uname -m)-${gpu,,}-$recipe

if compgen -G "$folder/horovod-*.whl" >/dev/null; then
  ls "$folder"/horovod-*.whl
  exit 0
fi
if ! command -v g++ >/dev/null; then
  echo "horovod: a C++ compiler is needed to build Horovod; install g++ (Debian: apt-get install g++ make)" >&2
  exit 2
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/build.log
# pip's default source build would fetch a second torch; --no-build-isolation uses the one installed.
echo "horovod: building $version against torch $torch_version (about 3 minutes, once per machine)" >&2
"$python" -m pip download --quiet --no-deps --no-binary :all: --no-build-isolation \
  --dest "$scratch" "horovod==$version" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
tar -xzf "$scratch/horovod-$version.tar.gz" -C "$scratch"
source=$scratch/horovod-$version
sed -i 's/set(CMAKE_CXX_STANDARD 14)/set(CMAKE_CXX_STANDARD 20)/' \
  "$source/CMakeLists.txt" "$source/horovod/torch/CMakeLists.txt"
for file in "$source/CMakeLists.txt" "$source/horovod/torch/CMakeLists.txt"; do
  grep -q 'set(CMAKE_CXX_STANDARD 20)' "$file" || { echo "horovod: $file has no C++ standard to raise" >&2; exit 1; }
done

export CMAKE_POLICY_VERSION_MINIMUM=3.5
export HOROVOD_WITH_PYTORCH=1 HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_MPI=1
export HOROVOD_WITHOUT_TENSORFLOW=1 HOROVOD_WITHOUT_MXNET=1
export MAKEFLAGS="-j$(nproc)"
PATH=$(dirname "$python"):$PATH "$python" -m pip wheel --no-build-isolation --no-deps \
  --wheel-dir "$scratch/wheel" "$source" >"$log" 2>&1 || { tail -60 "$log" >&2; exit 1; }

# Published by one rename, so that two builds at once or a killed one never leave half a wheel.
mkdir -p "$folder"
mv "$scratch"/wheel/horovod-*.whl "$folder/.partial"
mv "$folder/.partial" "$folder/$(basename "$(ls -d "$source")")-$python_tag-$python_tag-linux_$(uname -m).whl"
ls "$folder"/horovod-*.whl
