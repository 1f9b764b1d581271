#!/usr/bin/env bash
# Sets up what the tests need, and runs all of them: `sudo scripts/test.sh`. Anything that is missing
# is a failure; nothing is skipped. `scripts/test.sh pure`, or `npm test`, runs those that need neither
# root nor a socket; `sudo scripts/test.sh quick` those that need no namespaces. `--node PATH` runs them with
# another Node. Without it, all tests include the quick ones with each Node that the program is for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

readonly NODES=(20 22 24)

main() {
  local other='' suite=all
  while [[ $# -gt 0 ]]; do
    case $1 in
      --node) other=${2:-} && shift 2 || fail '--node needs the path of a Node' ;;
      pure | quick | all) suite=$1 && shift ;;
      *) fail "usage: $0 [--node PATH] [pure|quick|all]" ;;
    esac
  done
  [[ -z $other ]] || use_node "$other"
  if [[ $suite == pure ]]; then
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
  run_quick
  [[ $suite == all ]] || return 0
  # Those in namespaces come last: they are slow, and mean little where the others fail.
  run_tests 1 -path 'dist/test/netns/*'
  say 'packages'
  as_owner make --silent packages
  run_tests 1 -path 'dist/test/package/*'
  [[ -z $other ]] || return 0
  local major
  for major in "${NODES[@]}"; do
    [[ $(node -p 'process.versions.node') == "$major".* ]] || (
      use_node "$(scripts/node-runtime.sh x64 "$major")/bin/node"
      run_quick
    )
  done
}

# Tests that need neither root nor namespaces of their own, and those that need no lab.
run_quick() {
  run_tests "$CORES" "${pure[@]}"
  run_tests 1 -not \( "${pure[@]}" \) -not -path 'dist/test/netns/*' -not -path 'dist/test/package/*'
}

# Makes a Node the `node` of this script and of everything that it starts.
use_node() {
  local node
  node=$(realpath -e "$1") && [[ -x $node && ! -d $node && $(basename "$node") == node ]] ||
    fail "--node $1 is no program named node"
  [[ $EUID -ne 0 ]] || runuser -u nobody -- "$node" --version >/dev/null ||
    fail "--node $1: some tests run it as the user nobody, who cannot"
  PATH=$(dirname "$node"):$PATH
  say "Node $(node -p process.version), $node"
}

# Tests that open no socket. The others run one file after another: some flood the loopback
# interface, and raw sockets of others would hear it.
readonly pure=(-path 'dist/test/wire/*' -o -path 'dist/test/sealed/*' -o -path 'dist/test/wireguard/*'
  -o -path 'dist/test/client/*' -o -path 'dist/test/compare/*' -o -path 'dist/test/lab/*' -o -path 'dist/test/files/*')
# The longest file takes some minutes.
readonly FILE_LIMIT_MS=900000
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
  local help files options=(--test-reporter=spec)
  help=$(node --help)
  # A file that leaves something open after a failure must not hold up the others.
  [[ $help != *--test-timeout* ]] || options+=("--test-timeout=$FILE_LIMIT_MS")
  # Node before 20.10 chooses itself.
  [[ $help != *--test-concurrency* ]] || options+=("--test-concurrency=$1")
  shift
  mapfile -t files < <(find dist/test -name '*.test.js' \( "$@" \) | sort)
  [[ ${#files[@]} -gt 0 ]] || fail "no test files: $*"
  say "${#files[@]} test files"
  node --test "${options[@]}" "${files[@]}"
}

main "$@"
