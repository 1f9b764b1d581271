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
# What few clients need stays out of the file that all of them read.
late=(./client-metrics.js ./log.js ./live-view.js)
bundle src/cli/client-main.ts --outfile=dist/bin/client-main.js "${late[@]/#/--external:}"
for file in client-metrics log live-view; do
  bundle "src/cli/$file.ts" --outfile="dist/bin/$file.js"
done
node_modules/.bin/esbuild src/cli/launch.ts --bundle --external:./client-main.js --external:./main.js "${common[@]}" \
  --outfile=dist/bin/wg-rendezvous.js
chmod +x dist/bin/wg-rendezvous.js
