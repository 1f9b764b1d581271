#!/usr/bin/env bash
# Prints the folder of a Node that scripts/node-runtimes.txt pins: `node-runtime.sh x64|arm64 MAJOR`. It is
# fetched from the npm registry once, checked against the pin, and kept in the cache.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

CACHE=$(cache_folder)
readonly CACHE

main() {
  [[ $# -eq 2 ]] || fail "usage: $0 x64|arm64 MAJOR"
  local package=node-linux-$1 name version integrity
  read -r name version integrity < <(grep "^$package $2\." scripts/node-runtimes.txt) ||
    fail "scripts/node-runtimes.txt has no $package $2"
  local folder=$CACHE/$name-$version
  [[ -x $folder/bin/node ]] || fetch "$name@$version" "$integrity" "$folder"
  echo "$folder"
}

# Unpacks a package into a folder that appears as a whole.
fetch() {
  mkdir -p "$CACHE"
  local work
  work=$(mktemp -d "$CACHE/fetch.XXXXXX")
  # shellcheck disable=SC2064 # the folder of now
  trap "rm -rf '$work'" EXIT
  say "fetching $1"
  local archive
  archive=$work/$(cd "$work" && npm pack --silent --ignore-scripts "$1")
  local found
  found=sha512-$(node -p 'crypto.createHash("sha512").update(fs.readFileSync(process.argv[1])).digest("base64")' "$archive")
  [[ $found == "$2" ]] || fail "$1 is not what scripts/node-runtimes.txt pins" "expected $2" "found    $found"
  mkdir "$work/unpacked"
  chmod 755 "$work/unpacked"
  tar -xzf "$archive" -C "$work/unpacked" --strip-components=1 --no-same-owner
  # Another run may have been faster.
  mv -T "$work/unpacked" "$3" 2>/dev/null || [[ -x $3/bin/node ]]
}

main "$@"
