#!/usr/bin/env node
import './own-signals.js';

const MIN_NODE = 20;

/** EXIT.usage, which the units take as final: another start would end the same way. */
const CANNOT_RUN = 2;

// The entry of the program. It is bundled into syntax that Node 10 can read, as a module or as a script, so that
// an old Node gets as far as this message, whatever the command.
if (Number.parseInt(process.versions.node, 10) < MIN_NODE) {
  process.stderr.write(
    `error: wg-rendezvous needs Node ${MIN_NODE} or newer, and ${process.execPath} is ${process.version}: ` +
      'install a newer one, or the .deb or .tar.xz package, which brings its own\n',
  );
  process.exitCode = CANNOT_RUN;
} else {
  void import('./start.js');
}
