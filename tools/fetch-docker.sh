#!/bin/sh
# Unpacks what tests run, Docker engines for the most part, from Debian's packages: fetch-docker.sh DIRECTORY
#
#   DIRECTORY/20.10  bookworm's engine         DIRECTORY/common   runc and a static busybox, for all of them
#   DIRECTORY/26.1   trixie's                  DIRECTORY/compose  docker-compose, a program of its own
#   DIRECTORY/sid    the newest that there is  DIRECTORY/registry  docker-registry, for plugins
#   DIRECTORY/firewalld  a root directory with it and a D-Bus
#   DIRECTORY/older-kernel  bookworm's Linux as a program (User-Mode Linux), and what loads its modules
#   DIRECTORY/oldest-kernel  bullseye's, which is too old for Weft
#
# Of sid, firewalld and oldest-kernel, NAME.absent says why if they are not there.
#
# Nothing is installed: no service starts, a Docker that this machine has is not touched, and neither is its apt.
# Idempotent; each appears as a whole.
set -eu

mkdir -p "$1"
cd "$1"
root=$(pwd)
work=$(mktemp -d "$root/.fetching-XXXXXX")
trap 'rm -rf "$work"' EXIT
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# An apt of its own per suite; of the machine's it keeps the mirror and the proxy.
prepare_apt() {
  apt=$work/apt-$1
  [ ! -e "$apt" ] || return 0
  mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/$' || true)
  echo "deb [signed-by=$keyring] ${mirror:-http://deb.debian.org/debian/} $1 main" >"$apt/sources.list"
  : >"$apt/status"
  cat >"$apt/apt.conf" <<-END
	Dir::State "$apt/state";
	Dir::State::status "$apt/status";
	Dir::Cache "$apt/cache";
	Dir::Etc::sourcelist "$apt/sources.list";
	Dir::Etc::sourceparts "-";
	APT::Sandbox::User "root";
	END
  APT_CONFIG=$apt/apt.conf apt-get update -o APT::Update::Error-Mode=any
}

# download [--whole] PACKAGE... ; whole with all that they depend on.
download() (
  export APT_CONFIG="$work/apt-$suite/apt.conf"
  [ "$1" = --whole ] || exec apt-get download "$@"
  shift
  exec apt-get install -y --download-only --no-install-recommends -o Dir::Cache::archives="$PWD" "$@"
)

# fetch NAME SUITE [--whole] PACKAGE... ; what apt says is in $work/log when it fails.
fetch() {
  name=$1 suite=$2
  shift 2
  [ ! -e "$root/$name" ] || return 0
  if ! command -v apt-get >/dev/null || [ ! -e $keyring ]; then
    echo "Docker for tests is taken from Debian's packages: it needs apt-get and $keyring." >"$work/log"
    return 1
  fi
  echo "Fetching $name of Debian $suite …"
  mkdir -p "$work/$name" "$work/packages-$name"
  { prepare_apt "$suite" && cd "$work/packages-$name" && download "$@" &&
    for package in *.deb; do dpkg -x "$package" "$work/$name" || return 1; done
  } >"$work/log" 2>&1 </dev/null || return 1
  # Another run of this may have been quicker.
  mv -T "$work/$name" "$root/$name" 2>/dev/null || [ -e "$root/$name" ]
}

must() {
  fetch "$@" || { cat "$work/log" >&2; exit 1; }
}

# Where it is not to be had, NAME.absent says why, and it is asked again after an hour.
may() {
  [ -z "$(find "$root" -maxdepth 1 -name "$1.absent" -mmin -60)" ] || return 0
  rm -f "$root/$1.absent"
  fetch "$@" || {
    { echo "Debian $2 does not give it now:"; grep '^E:' "$work/log" || tail -n 3 "$work/log"; } >"$root/$1.absent"
  }
}

must common bookworm runc busybox-static libdevmapper1.02.1
must 20.10 bookworm docker.io containerd
must 26.1 trixie docker.io docker-cli containerd
must compose trixie docker-compose
must registry bookworm docker-registry
must older-kernel bookworm user-mode-linux kmod
# Sid moves, and is between two versions now and then; firewalld is more than a hundred packages; bullseye will go.
may sid sid docker.io docker-cli containerd
may firewalld bookworm --whole firewalld iptables netbase
may oldest-kernel bullseye user-mode-linux
