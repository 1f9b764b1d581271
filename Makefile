# What npm's prepare and prepack scripts run: builds what is older than its sources, and nothing else.
# npm runs them again when `npx wg-rendezvous` is first used in a checkout; that must change nothing.

.PHONY: addon program lab prebuilds packages

# One make at a time in a checkout: recipes replace whole folders, which others may be reading.
ifeq ($(IS_LOCKED),)

addon program lab prebuilds packages:
	@IS_LOCKED=yes flock Makefile $(MAKE) --no-print-directory $@

else

PATH := $(CURDIR)/node_modules/.bin:$(PATH)
ADDON := build/Release/wg_rendezvous.node
PROGRAM := dist/bin/wg-rendezvous.js
PREBUILDS := prebuilds/linux-x64/wg_rendezvous.node
TYPESCRIPT := $(shell find src scripts -name "*.ts" 2>/dev/null)
NATIVE := binding.gyp $(wildcard package-lock.json) $(wildcard native/*.cc native/*.h)

# Node's headers often lie beside it; node-gyp would download them all the same.
HEADERS := $(shell node -p "const root = require('path').resolve(process.execPath, '../..'); \
	require('fs').existsSync(root + '/include/node/node_api.h') ? '--nodedir=' + root : ''")

LAB := dist/lab/delay-lines dist/lab/capture

addon: $(ADDON)
program: $(PROGRAM)
# The lab's own programs, for the demo, the tests and `compare`; the lab compiles them itself where they
# are missing.
lab: $(LAB)
# What the packages bring for users without a compiler, on x64 and arm64.
prebuilds: $(PREBUILDS)
# The packages that users install, in packages/.
packages: $(PREBUILDS) $(PROGRAM)
	scripts/package.sh

# The program prefers a prebuilt addon to this one: an older one has to go.
$(ADDON): $(NATIVE)
	rm -rf prebuilds
	node-gyp rebuild --loglevel=warn $(HEADERS)
	@touch $@

$(PROGRAM): package.json scripts/bundle.sh scripts/bundle-banner.js $(wildcard package-lock.json scripts/licences/*) \
		tsconfig.json tsconfig.build.json $(TYPESCRIPT)
	npm run --silent build
	@touch $@

$(PREBUILDS): $(NATIVE) $(wildcard native/lab/*.cc native/lab/*.h) scripts/prebuild.sh scripts/node-runtimes.txt
	scripts/prebuild.sh
	@touch $@

dist/lab/%: native/lab/%.cc native/lab/packet-socket.h
	@mkdir -p $(@D)
	g++ -std=c++17 -O2 -Wall -Wextra -Werror -o $@ $<

endif
