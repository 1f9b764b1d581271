#!/usr/bin/env bash
# Bundles the program into dist/bin: the entry, the client in one file, and everything else in chunks that
# are read when they are needed.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf dist/bin
common=(--platform=node --target=node20 --format=esm --minify-whitespace --minify-syntax --log-level=warning)
bundle() {
  node_modules/.bin/esbuild "$@" --bundle "${common[@]}" --banner:js="$(cat scripts/bundle-banner.js)"
}
bundle src/cli/main.ts --splitting --outdir=dist/bin
# What the client needs after its first packet, or not at all, is not in its file.
bundle src/cli/client-main.ts --outfile=dist/bin/client-main.js --external:./log.js --external:./peer-table.js
bundle src/cli/log.ts --outfile=dist/bin/log.js
bundle src/cli/peer-table.ts --outfile=dist/bin/peer-table.js
node_modules/.bin/esbuild src/cli/launch.ts --bundle --external:./client-main.js --external:./main.js "${common[@]}" \
  --outfile=dist/bin/wg-rendezvous.js
chmod +x dist/bin/wg-rendezvous.js
