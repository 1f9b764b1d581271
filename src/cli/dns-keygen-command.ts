import { Command } from 'commander';
import { collect, zoneName } from './arguments.js';
import type { KeygenFlags } from './dns-keygen-run.js';

/** `dns keygen`. */
export function dnsKeygenCommand(exit: (code: number) => void): Command {
  return new Command('keygen')
    .description(
      'make a key that signs a zone, or read the one that is there, and print its DNSKEY and DS records',
    )
    .requiredOption('--zone <zone>', 'the zone; can be repeated', collect(zoneName))
    .requiredOption('--key <file>', 'where the key is; the file is never overwritten')
    .action(async (flags: KeygenFlags) => {
      const { runDnsKeygen } = await import('./dns-keygen-run.js');
      exit(runDnsKeygen(flags));
    });
}
