#!/usr/bin/env bash
# Makes the packages that users install, in packages/: the npm package, and for x64 and arm64 a .deb and a
# .tar.xz with a Node of their own. Does nothing when they are newer than what is in them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

main() {
  local made=packages/made
  if [[ -e $made ]] && [[ -z $(find README.md LICENSE CHANGELOG.md docs units package.json prebuilds dist/bin dist/man \
    dist/completion dist/THIRD-PARTY debian scripts -newer "$made" -print -quit 2>/dev/null) ]]; then
    return
  fi
  rm -rf packages
  mkdir packages
  say 'npm package'
  npm pack --silent --ignore-scripts --pack-destination packages
  scripts/package-deb.sh
  touch "$made"
}

main
