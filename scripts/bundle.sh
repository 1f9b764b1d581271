#!/usr/bin/env bash
# Bundles the program into dist/bin: the entry, the client in one file, and everything else in chunks that
# are read when they are needed. Writes the licences of what is in them to dist/THIRD-PARTY.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf dist/bin dist/meta
common=(--bundle --platform=node --format=esm --minify-whitespace --minify-syntax --log-level=warning)
# Bundles a source file, and lists its parts in dist/meta.
bundle() {
  node_modules/.bin/esbuild "$@" "${common[@]}" --metafile="dist/meta/$(basename "$1" .ts).json"
}
module() {
  bundle "$@" --target=node20 --banner:js="$(cat scripts/bundle-banner.js)"
}
module src/cli/main.ts --splitting --outdir=dist/bin
# What the client needs after its first packet, or not at all, stays out of its file.
late=(client-metrics log live-view)
externals=()
for file in "${late[@]}"; do
  externals+=("--external:./$file.js")
  module "src/cli/$file.ts" --outfile="dist/bin/$file.js"
done
module src/cli/client-main.ts --outfile=dist/bin/client-main.js "${externals[@]}"
module src/cli/start.ts --external:./client-main.js --external:./main.js --outfile=dist/bin/start.js
# Without `import` and `export`, which old Nodes cannot read: they are to read the message that they are too old.
bundle src/cli/launch.ts --target=es2015 --supported:dynamic-import=true \
  --external:./start.js --outfile=dist/bin/wg-rendezvous.js
chmod +x dist/bin/wg-rendezvous.js
node dist/scripts/third-party.js dist/THIRD-PARTY dist/meta/*.json
