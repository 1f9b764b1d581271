#!/usr/bin/env bash
# Unpacks a minimal Debian 12 with WireGuard's tools into a new folder, for tests of the packages as a new user
# installs them: `debian-chroot.sh FOLDER`, as root. debootstrap makes it once; it is kept in the cache.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

CACHE=$(cache_folder)
readonly CACHE
readonly ARCHIVE=$CACHE/bookworm-1.tar
readonly PACKAGES=wireguard-tools,iproute2,libstdc++6

main() {
  [[ $# -eq 1 && $EUID -eq 0 ]] || fail "usage, as root: $0 FOLDER"
  [[ -e $ARCHIVE ]] || make_archive
  mkdir -p "$1"
  tar -xf "$ARCHIVE" -C "$1"
}

make_archive() {
  mkdir -p "$CACHE"
  local work mirror
  work=$(mktemp -d "$CACHE/debootstrap.XXXXXX")
  # shellcheck disable=SC2064 # the folder of now
  trap "rm -rf --one-file-system '$work'" EXIT
  # The mirror that apt uses here.
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | head -1)
  say "debootstrap: Debian 12 from ${mirror:=http://deb.debian.org/debian}"
  debootstrap --variant=minbase --include="$PACKAGES" bookworm "$work/root" "$mirror" >"$work/log" ||
    fail 'debootstrap failed' "$(tail -3 "$work/log")"
  rm -f "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*Packages
  tar -cf "$work/archive" --one-file-system -C "$work/root" .
  mv "$work/archive" "$ARCHIVE"
}

main "$@"
