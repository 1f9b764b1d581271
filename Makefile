# What npm's install and prepare scripts run: builds what is older than its sources, and nothing else.
# npm runs them again when `npx wg-rendezvous` is first used in a checkout; that must change nothing.

PATH := $(CURDIR)/node_modules/.bin:$(PATH)
ADDON := build/Release/wg_rendezvous.node
PROGRAM := dist/bin/wg-rendezvous.js
TYPESCRIPT := $(shell find src scripts -name "*.ts" 2>/dev/null)

# Node's headers often lie beside it; node-gyp would download them all the same.
HEADERS := $(shell node -p "const root = require('path').resolve(process.execPath, '../..'); \
	require('fs').existsSync(root + '/include/node/node_api.h') ? '--nodedir=' + root : ''")

LAB := dist/lab/delay-lines dist/lab/capture

addon: $(ADDON)
program: $(PROGRAM)
# The lab's own programs, for the demo, the tests and `compare`; the lab compiles them itself where they
# are missing.
lab: $(LAB)

$(ADDON): binding.gyp $(wildcard package-lock.json) $(wildcard native/*.cc native/*.h)
	node-gyp rebuild --loglevel=warn $(HEADERS)
	@touch $@

$(PROGRAM): package.json scripts/bundle.sh scripts/bundle-banner.js $(wildcard package-lock.json) tsconfig.json tsconfig.build.json $(TYPESCRIPT)
	npm run --silent build
	@touch $@

dist/lab/%: native/lab/%.cc native/lab/packet-socket.h
	@mkdir -p $(@D)
	g++ -std=c++17 -O2 -Wall -Wextra -Werror -o $@ $<

.PHONY: addon program lab
