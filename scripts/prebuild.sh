#!/usr/bin/env bash
# Builds what needs a compiler, for users without one: prebuilds/linux-x64 and prebuilds/linux-arm64 with the
# addon, that of sodium-native, and the lab's programs. To be run on Debian 12: what is linked to its glibc
# runs there, on Ubuntu 22.04 and on all that is newer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

# Ubuntu 22.04 has 2.35.
readonly MAX_GLIBC=2.35

main() {
  local arch
  for arch in x64 arm64; do
    command -v "$(cross "$arch")g++" >/dev/null ||
      fail "$(cross "$arch")g++ is missing" 'apt-get install --no-install-recommends g++ g++-aarch64-linux-gnu'
  done
  # Node-API is the same in all Nodes: one set of headers serves for both platforms.
  headers=$(scripts/node-runtime.sh x64 24)
  # Elsewhere, because node-gyp empties the folder that it builds in.
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cp -a binding.gyp native package.json "$work"
  ln -s "$PWD/node_modules" "$work/node_modules"
  for arch in x64 arm64; do
    build "$arch" "$(cross "$arch")"
  done
  rm -rf prebuilds
  mv "$work/prebuilds" prebuilds
}

build() {
  local arch=$1 tools=$2
  say "prebuild linux-$arch"
  local flags="-ffile-prefix-map=$work=."
  CC=${tools}gcc CXX=${tools}g++ AR=${tools}ar LINK=${tools}g++ CXXFLAGS=$flags \
    npm_config_nodedir=$headers node_modules/.bin/prebuildify --cwd "$work" --arch "$arch" --quiet \
    --strip --strip-bin "${tools}strip" --name wg_rendezvous --target "$(basename "${headers##*-}")"
  local folder=$work/prebuilds/linux-$arch name
  cp "node_modules/sodium-native/prebuilds/linux-$arch/sodium-native.node" "$folder/"
  "${tools}strip" --strip-unneeded "$folder/sodium-native.node"
  for name in delay-lines capture; do
    "${tools}g++" -std=c++17 -O2 -Wall -Wextra -Werror "$flags" -s -o "$folder/$name" "native/lab/$name.cc"
  done
  chmod 644 "$folder"/*.node
  check_glibc "$folder"/*
}

check_glibc() {
  local file newest
  for file; do
    newest=$(readelf -V "$file" | grep -o '\bGLIBC_[0-9.]*' | sort -V | tail -1)
    [[ $(printf '%s\n' "${newest#GLIBC_}" "$MAX_GLIBC" | sort -V | tail -1) == "$MAX_GLIBC" ]] ||
      fail "$(basename "$file") needs $newest, and may need $MAX_GLIBC at most" 'run this on Debian 12'
  done
}

main
