#!/bin/sh
# Builds Weft's managed Docker plugin: build-plugin.sh DIRECTORY, for `docker plugin create weft DIRECTORY`.
#
# In it is what runs here, and nothing is fetched: this machine's node with the libraries that it is linked to, the
# bundle in dist/, and the one package that is not bundled, for this machine's architecture.
set -eu

cd "$(dirname "$0")/.."
out=$1
rm -rf "$out"
root=$out/rootfs
mkdir -p "$root/usr/bin" "$root/opt/weft/node_modules" "$root/var/lib/weft" "$root/tmp"

# put PROGRAM AS, with what it is linked to.
put() {
  cp -L "$1" "$root$2"
  ldd "$1" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
}
put "$(node -p process.execPath)" /usr/bin/node
put "$(command -v flock)" /usr/bin/flock

cp -R dist "$root/opt/weft/dist"
find "$root/opt/weft/dist" -name '*.map' -delete
echo '{ "type": "module" }' >"$root/opt/weft/package.json"
cp -RL node_modules/koffi node_modules/@koromix "$root/opt/weft/node_modules/"

# The host's own places, where its programs and Docker look for them; see config.json. /run/docker/plugins is dockerd's
# to fill.
mkdir -p "$root/host/run" "$root/host/etc" "$root/etc" "$root/run/docker/plugins"
for name in netns weft docker.sock systemd; do ln -s "/host/run/$name" "$root/run/$name"; done
ln -s /host/run/docker/netns "$root/run/docker/netns"
ln -s ../run "$root/var/run"
ln -s /host/etc/weft "$root/etc/weft"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

cp packaging/docker-plugin/config.json "$out/"
