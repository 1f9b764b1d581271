#!/usr/bin/env bash
# Installs what the demo needs and runs it: two WireGuard peers behind NATs connect directly.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

[[ $EUID -eq 0 ]] ||
  fail 'the demo makes network namespaces and WireGuard devices, which needs root' "sudo $0"
scripts/setup.sh
exec node dist/scripts/demo.js
