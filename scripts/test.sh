#!/usr/bin/env bash
# Sets up what the tests need, and runs all of them: `sudo scripts/test.sh`. Anything that is missing
# is a failure; nothing is skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

main() {
  [[ $EUID -eq 0 ]] ||
    fail 'the tests make network namespaces and WireGuard devices, which needs root' "sudo $0"
  scripts/setup.sh tests
  say 'lint'
  as_owner npm run --silent lint
  say 'compile'
  as_owner npm run --silent build:all
  remove_orphans
  # Those in namespaces come last: they are slow, and mean little where the others fail.
  run_tests -not -path 'dist/test/netns/*'
  run_tests -path 'dist/test/netns/*'
}

# A test whose source is gone must not run on.
remove_orphans() {
  local compiled
  while IFS= read -r compiled; do
    local source=${compiled#dist/}
    [[ -e ${source%.js}.ts ]] || rm -f "$compiled" "$compiled.map"
  done < <(find dist/test -name '*.js')
}

# Runs the test files that match the conditions of find(1).
run_tests() {
  local files
  mapfile -t files < <(find dist/test -name '*.test.js' "$@" | sort)
  [[ ${#files[@]} -gt 0 ]] || fail "no test files: $*"
  say "${#files[@]} test files"
  node --test --test-reporter=spec "${concurrency[@]}" "${files[@]}"
}

# One file after another: some flood the loopback interface, and raw sockets of others would hear it.
# Node before 20.10 chooses itself.
concurrency=()
if [[ $(node --help) == *--test-concurrency* ]]; then
  concurrency=(--test-concurrency=1)
fi

main
