#!/usr/bin/env bash
# Sets up what is needed, and shows the main job: two WireGuard peers behind NATs find each other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

[[ $EUID -eq 0 ]] ||
  fail 'the demo makes network namespaces and WireGuard devices, which needs root' "sudo $0"
scripts/setup.sh
exec node dist/scripts/demo.js
