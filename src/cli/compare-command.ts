import { Command, Option } from 'commander';
import {
  APPROACH_NAMES,
  type ApproachName,
  MEASURE_NAMES,
  type MeasureName,
  PAIR_NAMES,
  type PairName,
} from '../compare/results.js';
import { wholeNumber } from './arguments.js';
import { UsageError } from './exit-code.js';
import type { LogOptions } from './log-options.js';

const DEFAULT_ROUNDS = 5;
const MAX_ROUNDS = 100;

export interface CompareFlags extends LogOptions {
  readonly approach?: ApproachName[];
  readonly measure?: MeasureName[];
  readonly pair?: PairName[];
  readonly rounds?: number;
  readonly quick?: boolean;
  readonly json?: string;
  readonly html?: string;
  readonly svg?: string;
  readonly wgsdCoredns?: string;
  readonly wgsdClient?: string;
}

/** `compare`. */
export function compareCommand(exit: (code: number) => void): Command {
  return new Command('compare')
    .description('run the approaches side by side in a lab of network namespaces (as root)')
    .addOption(choices('--approach <name...>', 'only these', APPROACH_NAMES))
    .addOption(choices('--measure <name...>', 'only this', MEASURE_NAMES))
    .addOption(choices('--pair <kind...>', 'connect only these pairs of NATs', PAIR_NAMES))
    .option(
      '--rounds <n>',
      `connections of each pair (default: ${DEFAULT_ROUNDS}, with --quick 1)`,
      wholeNumber(1, MAX_ROUNDS),
    )
    .option('--quick', 'one round, and short limits of time: to see that it works')
    .option('--json <file>', 'write the results there (docs/comparison.schema.json)')
    .option('--html <file>', 'write a page with plots there')
    .option('--svg <file>', 'write the plot of connection times there')
    .option('--wgsd-coredns <path>', 'the real wgsd: CoreDNS with the plugin')
    .option('--wgsd-client <path>', 'the real wgsd: its client')
    .action(async (flags: CompareFlags) => {
      if ((flags.wgsdCoredns === undefined) !== (flags.wgsdClient === undefined)) {
        throw new UsageError('the real wgsd takes both: --wgsd-coredns PATH --wgsd-client PATH');
      }
      const { runCompare } = await import('./compare-run.js');
      const rounds = flags.rounds ?? (flags.quick === true ? 1 : DEFAULT_ROUNDS);
      exit(await runCompare({ ...flags, rounds }));
    });
}

function choices(flags: string, what: string, names: readonly string[]): Option {
  return new Option(flags, what).choices(names);
}
