#!/usr/bin/env bash
# Prints the folder of PostgreSQL's server programs; installs them where that is possible without asking.
# Only tests need them: they start a server of their own.
set -euo pipefail

programs() {
  local folder
  for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) $(dirname "$(command -v initdb || echo /-/-)"); do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
      echo "$folder"
      return 0
    fi
  done
  return 1
}

programs && exit 0
as_root=
if [ "$(id -u)" != 0 ]; then
  as_root="sudo -n"
fi
if command -v apt-get >/dev/null && $as_root true 2>/dev/null; then
  echo "setup: installing PostgreSQL's server, for tests" >&2
  $as_root apt-get update -qq >&2 || true
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null || true
  programs && exit 0
fi
echo "setup: the ledger's tests need PostgreSQL's server; Debian or Ubuntu: sudo apt-get install postgresql" >&2
exit 2
