#!/bin/sh
# Unpacks Debian's Docker engine and a static busybox for tests: fetch-docker.sh DIRECTORY
# Nothing is installed: no service starts, and a Docker that this machine has is not touched. Idempotent.
set -eu

root=$1
[ ! -e "$root/.complete" ] || exit 0
if ! command -v apt-get >/dev/null; then
  echo 'Docker for tests is taken from Debian packages, and there is no apt-get here.' >&2
  exit 1
fi
echo 'Fetching docker.io, containerd, runc and busybox-static …'
rm -rf "$root"
mkdir -p "$root/packages"
cd "$root/packages"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
fetch() { apt-get download docker.io containerd runc busybox-static libdevmapper1.02.1; }
if ! { fetch || { apt-get update && fetch; }; } >"$log" 2>&1 </dev/null; then
  cat "$log" >&2
  exit 1
fi
for package in *.deb; do dpkg -x "$package" ..; done
cd ..
rm -rf packages
: >.complete
