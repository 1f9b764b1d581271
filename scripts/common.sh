# shellcheck shell=bash
# What the scripts share; to be sourced, in the root of the checkout.

readonly MIN_NODE=20
# ip, nft and conntrack are here, and not in the PATH of every user.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() {
  printf '== %s\n' "$*" >&2
}

# Says what is wrong, a line for each argument, and ends.
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  [[ $# -eq 0 ]] || printf '       %s\n' "$@" >&2
  exit 1
}

# Runs a command as the owner of the checkout, so that `sudo` leaves no files there that are root's.
as_owner() {
  local owner home
  owner=$(stat -c %U .)
  home=$(getent passwd "$owner" | cut -d: -f6) || home=
  if [[ $EUID -ne 0 || $owner == root || -z $home ]]; then
    "$@"
  else
    runuser -u "$owner" -- env HOME="$home" PATH="$PATH" "$@"
  fi
}

# What is fetched once: root's is where other users can run it, as some tests do.
cache_folder() {
  if [[ $EUID -eq 0 ]]; then
    echo /var/cache/wg-rendezvous-build
  else
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/wg-rendezvous"
  fi
}

# The prefix of the tools that build for x64 or arm64; none on a machine of that kind.
cross() {
  local machine=x86_64
  [[ $1 == x64 ]] || machine=aarch64
  [[ $(uname -m) == "$machine" ]] || printf '%s-linux-gnu-' "$machine"
}
