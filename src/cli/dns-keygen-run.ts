import { createZoneKey, readZoneKey } from '../dns/dnssec/key-file.js';
import { EXIT } from './exit-code.js';
import { createLogger } from './log.js';
import type { LogOptions } from './log-options.js';
import { usable } from './sealed-files.js';

/** The options of `dns keygen`. */
export interface KeygenFlags extends LogOptions {
  readonly zone: string[];
  readonly key: string;
}

/** Makes the key file if there is none, and prints the records of its key. Returns the exit code. */
export function runDnsKeygen(flags: KeygenFlags): number {
  if (usable(() => createZoneKey(flags.key))) {
    createLogger(flags).info(`made the key file ${flags.key}: keep it secret, and keep a copy`);
  }
  const key = usable(() => readZoneKey(flags.key));
  const records = flags.zone.flatMap((zone) => key.presentation(zone));
  process.stdout.write(`${records.join('\n')}\n`);
  return EXIT.ok;
}
