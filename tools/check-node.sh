#!/bin/sh
# Weft runs on Node 20, 22 and 24.
for command in node npm; do
  command -v "$command" >/dev/null || { echo "Please install Node.js 20 or newer: there is no $command here." >&2; exit 1; }
done
version=$(node --version)
major=${version#v}
major=${major%%.*}
[ "$major" -ge 20 ] || { echo "Please install Node.js 20 or newer: this is $version (NodeSource has packages for Debian)." >&2; exit 1; }
