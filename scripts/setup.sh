#!/usr/bin/env bash
# Brings a fresh checkout to where the demo and the tests run: Debian packages, npm packages, addon and
# TypeScript. Does nothing when all of it is there and up to date.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

readonly EXAMPLES=/usr/share/doc/wireguard-tools/examples/nat-hole-punching/nat-punch-client.c
# What must be there, as a command or as a file, and the Debian package that has it.
needs=(
  wg:wireguard-tools
  "$EXAMPLES:wireguard-tools"
  wireguard-go:wireguard-go
  dig:bind9-dnsutils
  nft:nftables
  ip:iproute2
  ss:iproute2
  ping:iputils-ping
  conntrack:conntrack
  miniupnpd:miniupnpd-nftables
  sysctl:procps
  systemd-analyze:systemd
  g++:g++
  make:make
  python3:python3
)
# `setup.sh tests`: a browser too, for the page that the comparison writes; a terminal emulator; what reads the
# manual and the completions; STUN programs of others; a load for tunnels; a store for several servers; what makes and tries packages
# and containers.
[[ ${1:-} != tests ]] || needs+=(
  chromium:chromium
  tmux:tmux
  groff:groff
  man:man-db
  mandoc:mandoc
  zsh:zsh
  fish:fish
  turnserver:coturn
  turnutils_stunclient:coturn
  stun:stun-client
  iperf3:iperf3
  redis-server:redis-server
  redis-cli:redis-tools
  aarch64-linux-gnu-g++:g++-aarch64-linux-gnu
  crun:crun
  debootstrap:debootstrap
  lintian:lintian
  qemu-aarch64-static:qemu-user-static
  readelf:binutils
  unshare:util-linux
  xz:xz-utils
)

main() {
  check_node
  install_packages
  install_modules
  build_stale
}

check_node() {
  local hint='install it (https://nodejs.org)'
  if [[ -n ${SUDO_USER:-} ]]; then
    hint+=", or keep your PATH with: sudo env \"PATH=\$PATH\" $0"
  fi
  command -v node >/dev/null && command -v npm >/dev/null ||
    fail "Node >= $MIN_NODE with npm is needed, but not installed: $hint"
  local version
  version=$(node -p 'process.versions.node')
  [[ ${version%%.*} -ge $MIN_NODE ]] ||
    fail "Node >= $MIN_NODE is needed, and $(command -v node) is $version: $hint"
}

# Sets `missing` and `packages` to what is missing.
find_missing() {
  missing=()
  packages=()
  local need
  for need in "${needs[@]}"; do
    local thing=${need%%:*}
    if ! command -v "$thing" >/dev/null && ! [[ -e $thing ]]; then
      missing+=("$thing")
      packages+=("${need#*:}")
    fi
  done
}

install_packages() {
  find_missing
  [[ ${#missing[@]} -gt 0 ]] || return 0
  local what="missing: ${missing[*]}"
  command -v apt-get >/dev/null ||
    fail "$what" "there is no apt-get here: install what Debian calls ${packages[*]}"
  [[ $EUID -eq 0 ]] || fail "$what" "run this with sudo to install: ${packages[*]}"
  say "installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  hold_services
  # Without recommendations, or a kernel comes along. With the examples, which slim images leave out
  # of every package: there the package may be installed without them already.
  apt-get install -qq -y --no-install-recommends --reinstall \
    -o 'Dpkg::Options::=--path-include=/usr/share/doc/wireguard-tools/*' \
    "${packages[@]}"
  release_services
  find_missing
  [[ ${#missing[@]} -eq 0 ]] || fail "still missing after apt-get install: ${missing[*]}"
}

# Some packages install a service (coturn, redis-server). It must not start now, nor at the next boot.
readonly POLICY=/usr/sbin/policy-rc.d
hold_services() {
  [[ ! -e $POLICY ]] || return 0
  printf '#!/bin/sh\nexit 101\n' >"$POLICY"
  chmod 755 "$POLICY"
  trap 'rm -f "$POLICY"' EXIT
}

release_services() {
  local package
  for package in "${packages[@]}"; do
    if [[ $package == @(coturn|redis-server) && -d /run/systemd/system ]]; then
      systemctl --quiet disable "$package.service"
    fi
  done
}

install_modules() {
  local installed=node_modules/.package-lock.json
  if [[ ! -e $installed || package-lock.json -nt $installed ]]; then
    say 'npm ci: packages, addon and TypeScript'
    as_owner npm ci --no-fund --no-audit
  fi
}

# Rebuilds what is older than its sources, as after `git pull`.
build_stale() {
  as_owner make --silent addon program lab
}

main
