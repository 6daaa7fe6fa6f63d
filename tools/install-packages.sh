#!/bin/sh
# Installs Debian packages for commands that are missing: install-packages.sh COMMAND=PACKAGE ...
set -eu

# Debian keeps ip and bridge where a plain user's PATH does not look.
PATH="$PATH:/usr/sbin:/sbin"
missing=''
for pair in "$@"; do
  command -v "${pair%%=*}" >/dev/null || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "Please install what is missing here:$missing" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "Missing, and installing needs root: sudo apt-get install$missing" >&2
  exit 1
fi
echo "Installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of words
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
  cat "$log" >&2
  echo "Could not install:$missing" >&2
  exit 1
fi
