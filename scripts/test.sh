#!/usr/bin/env bash
# Sets up what the tests need, and runs all of them: `sudo scripts/test.sh`. Anything that is missing
# is a failure; nothing is skipped. `scripts/test.sh pure`, or `npm test`, runs those that need neither
# root nor a socket.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

main() {
  if [[ ${1:-} == pure ]]; then
    npm run --silent build:all
    remove_orphans
    run_tests "$CORES" "${pure[@]}"
    return
  fi
  [[ $EUID -eq 0 ]] ||
    fail 'the tests make network namespaces and WireGuard devices, which needs root' "sudo $0"
  scripts/setup.sh tests
  say 'lint'
  as_owner npm run --silent lint
  say 'compile'
  as_owner npm run --silent build:all
  remove_orphans
  # Those in namespaces come last: they are slow, and mean little where the others fail.
  run_tests "$CORES" "${pure[@]}"
  run_tests 1 -not \( "${pure[@]}" \) -not -path 'dist/test/netns/*'
  run_tests 1 -path 'dist/test/netns/*'
}

# Tests that open no socket. The others run one file after another: some flood the loopback
# interface, and raw sockets of others would hear it.
readonly pure=(-path 'dist/test/wire/*' -o -path 'dist/test/sealed/*' -o -path 'dist/test/wireguard/*'
  -o -path 'dist/test/client/*' -o -path 'dist/test/compare/*' -o -path 'dist/test/lab/*' -o -path 'dist/test/files/*')
CORES=$(nproc)
readonly CORES

# A test whose source is gone must not run on.
remove_orphans() {
  local compiled
  while IFS= read -r compiled; do
    local source=${compiled#dist/}
    [[ -e ${source%.js}.ts ]] || rm -f "$compiled" "$compiled.map"
  done < <(find dist/test -name '*.js')
}

# Runs the test files that match the conditions of find(1), so many at a time.
run_tests() {
  local files options=(--test-reporter=spec)
  # Node before 20.10 chooses itself.
  [[ $(node --help) != *--test-concurrency* ]] || options+=("--test-concurrency=$1")
  shift
  mapfile -t files < <(find dist/test -name '*.test.js' \( "$@" \) | sort)
  [[ ${#files[@]} -gt 0 ]] || fail "no test files: $*"
  say "${#files[@]} test files"
  node --test "${options[@]}" "${files[@]}"
}

main "$@"
