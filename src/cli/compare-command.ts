import { Command, Option } from 'commander';
import { APPROACH_NAMES, MEASURE_NAMES, PAIR_NAMES } from '../compare/results.js';
import { wholeNumber } from './arguments.js';
import type { CompareFlags } from './compare-run.js';
import { UsageError } from './exit-code.js';

const DEFAULT_ROUNDS = 20;
const MAX_ROUNDS = 1_000;
const DEFAULT_ROUND_TRIP_MS = 50;
const MAX_ROUND_TRIP_MS = 2_000;

/** `compare`. */
export function compareCommand(exit: (code: number) => void): Command {
  return new Command('compare')
    .description('measure the approaches side by side in a lab of network namespaces (as root)')
    .addOption(choices('--approach <name...>', 'only these approaches', APPROACH_NAMES))
    .addOption(choices('--measure <name...>', 'only these measures', MEASURE_NAMES))
    .addOption(choices('--pair <kind...>', 'only these pairs of NATs', PAIR_NAMES))
    .option(
      '--rounds <n>',
      `connections of each pair (default: ${DEFAULT_ROUNDS}, with --quick 1)`,
      wholeNumber(1, MAX_ROUNDS),
    )
    .option(
      '--round-trip <ms>',
      'round trip between any two hosts of the lab',
      wholeNumber(0, MAX_ROUND_TRIP_MS),
      DEFAULT_ROUND_TRIP_MS,
    )
    .option('--quick', 'one round and short time limits, to see that everything works')
    .option('--json <file>', 'write the results as JSON (docs/comparison.schema.json)')
    .option('--html <file>', 'write a page with plots')
    .option('--svg <file>', 'write the plot of connection times')
    .option('--wgsd-coredns <path>', 'the real wgsd: CoreDNS with the plugin')
    .option('--wgsd-client <path>', 'the real wgsd: its client')
    .action(async (flags: CompareFlags) => {
      if ((flags.wgsdCoredns === undefined) !== (flags.wgsdClient === undefined)) {
        throw new UsageError('wgsd needs both options: --wgsd-coredns PATH --wgsd-client PATH');
      }
      const { runCompare } = await import('./compare-run.js');
      const rounds = flags.rounds ?? (flags.quick === true ? 1 : DEFAULT_ROUNDS);
      exit(await runCompare({ ...flags, rounds }));
    });
}

function choices(flags: string, what: string, names: readonly string[]): Option {
  return new Option(flags, what).choices(names);
}
