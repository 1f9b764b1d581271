# What npm's install and prepare scripts run: builds what is older than its sources, and nothing else.
# npm runs them again when `npx wg-rendezvous` is first used in a checkout; that must change nothing.

PATH := $(CURDIR)/node_modules/.bin:$(PATH)
ADDON := build/Release/wg_rendezvous.node
PROGRAM := dist/bin/wg-rendezvous.js
TYPESCRIPT := $(shell find src scripts -name '*.ts')

addon: $(ADDON)
program: $(PROGRAM)

$(ADDON): binding.gyp package-lock.json $(wildcard native/*)
	node-gyp rebuild --loglevel=warn
	@touch $@

$(PROGRAM): package.json package-lock.json tsconfig.json tsconfig.build.json $(TYPESCRIPT)
	npm run --silent build
	@touch $@

.PHONY: addon program
