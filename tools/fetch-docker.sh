#!/bin/sh
# Unpacks Docker engines and Compose for tests, from Debian's packages: fetch-docker.sh DIRECTORY
#
#   DIRECTORY/20.10  bookworm's engine         DIRECTORY/common   runc and a static busybox, for all of them
#   DIRECTORY/26.1   trixie's                  DIRECTORY/compose  docker-compose, a program of its own
#   DIRECTORY/sid    the newest that there is; else DIRECTORY/sid.absent says why not
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

# fetch NAME SUITE PACKAGE... ; what apt says is in $work/log when it fails.
fetch() {
  name=$1 suite=$2
  shift 2
  [ ! -e "$root/$name" ] || return 0
  if ! command -v apt-get >/dev/null || [ ! -e $keyring ]; then
    echo "Docker for tests is taken from Debian's packages: it needs apt-get and $keyring." >"$work/log"
    return 1
  fi
  echo "Fetching $* of Debian $suite …"
  mkdir -p "$work/$name" "$work/packages-$name"
  { prepare_apt "$suite" && cd "$work/packages-$name" &&
    APT_CONFIG=$work/apt-$suite/apt.conf apt-get download "$@" &&
    for package in *.deb; do dpkg -x "$package" "$work/$name" || return 1; done
  } >"$work/log" 2>&1 </dev/null || return 1
  # Another run of this may have been quicker.
  mv -T "$work/$name" "$root/$name" 2>/dev/null || [ -e "$root/$name" ]
}

must() {
  fetch "$@" || { cat "$work/log" >&2; exit 1; }
}

must common bookworm runc busybox-static libdevmapper1.02.1
must 20.10 bookworm docker.io containerd
must 26.1 trixie docker.io docker-cli containerd
must compose trixie docker-compose
# Sid moves, and is between two versions now and then. Asked again after an hour.
if [ -z "$(find "$root" -maxdepth 1 -name sid.absent -mmin -60)" ]; then
  rm -f "$root/sid.absent"
  fetch sid sid docker.io docker-cli containerd || {
    { echo "Debian sid gives no Docker engine now:"; grep '^E:' "$work/log" || tail -n 3 "$work/log"; } >"$root/sid.absent"
  }
fi
