#!/usr/bin/env bash
# Makes or updates the virtual environment: deploy/venv.sh PYTHON FOLDER
set -euo pipefail
python=${1:?usage: venv.sh PYTHON FOLDER}
venv=${2:?usage: venv.sh PYTHON FOLDER}
here=$(cd "$(dirname "$0")/.." && pwd)

if ! command -v "$python" >/dev/null; then
  python=python3
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
  echo "setup: Python 3.11 is needed; install it, or run make PYTHON=/path/to/python3.11" >&2
  exit 2
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "setup: this Python cannot make virtual environments; install python3-venv" >&2
  exit 2
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }

echo "setup: installing torch and the build tools"
pip install --requirement "$here/requirements/build.txt"
echo "setup: installing the pinned packages"
pip install --requirement "$here/requirements/lock.txt"
wheel=$("$here/deploy/horovod/build.sh" "$venv/bin/python" | tail -1)
pip install --no-deps "$wheel"
pip install --no-deps --no-build-isolation --editable "$here"
"$venv/bin/python" -m pip check
