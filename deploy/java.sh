#!/usr/bin/env bash
# Checks for a Java that Spark runs on; installs a headless one where that is possible without asking.
set -euo pipefail

java_version() {
  "${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | sed -nE '1s/.*version "([0-9]+).*/\1/p'
}

found=$(java_version || true)
case $found in
  17 | 21) exit 0 ;;
esac
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "setup: installing a headless Java 17 runtime" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null
  found=$(java_version || true)
  case $found in
    17 | 21) exit 0 ;;
  esac
fi
echo "setup: Spark needs Java 17 or 21, found ${found:-none}." >&2
echo "       Debian or Ubuntu: sudo apt-get install openjdk-17-jre-headless; then set JAVA_HOME if needed." >&2
exit 2
