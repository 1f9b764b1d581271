import { open, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  AgentStarter,
  APPROACH_NAMES,
  type ApproachName,
  type Comparison,
  compare,
  MEASURE_NAMES,
  type MeasureName,
  OurProgram,
  PAIR_NAMES,
  type PairName,
  type Plan,
  QUICK_PAIR_NAMES,
  type Tools,
  whyNoLab,
} from '../compare/index.js';
import { compareProgress } from './compare-progress.js';
import { EXIT, UsageError } from './exit-code.js';
import type { LogOptions } from './log-options.js';
import { stopSignal } from './stop-signal.js';
import { version } from './version.js';

/** The options of `compare`. */
export interface CompareFlags extends LogOptions {
  readonly approach?: ApproachName[];
  readonly measure?: MeasureName[];
  readonly pair?: PairName[];
  readonly rounds?: number;
  readonly roundTrip: number;
  readonly quick?: boolean;
  readonly json?: string;
  readonly html?: string;
  readonly svg?: string;
  readonly wgsdCoredns?: string;
  readonly wgsdClient?: string;
}

type Settings = CompareFlags & { readonly rounds: number };

/** Runs the comparison and writes its reports. Returns the exit code. */
export async function runCompare(settings: Settings): Promise<number> {
  const obstacle = await whyNoLab();
  if (obstacle !== undefined) {
    throw new Error(obstacle);
  }
  // The measurements take minutes: an unwritable file must fail before them.
  for (const file of [settings.json, settings.html, settings.svg]) {
    await expectWritable(file);
  }
  stopSignal().addEventListener('abort', () => {
    process.stderr.write('stopped before the end: no report written\n');
    // The exit handlers remove the lab and the temporary folders.
    process.exit(EXIT.failed);
  });
  const progress = await compareProgress(process.stderr, settings);
  let comparison: Comparison;
  try {
    comparison = await compare(planOf(settings), toolsOf(settings), version(), progress.show);
  } finally {
    progress.end();
  }
  await writeReports(comparison, settings);
  return EXIT.ok;
}

function planOf(settings: Settings): Plan {
  const { approach, measure, pair, rounds, roundTrip, quick, wgsdClient } = settings;
  const given = wgsdClient !== undefined;
  return {
    approaches: approach ?? APPROACH_NAMES.filter((name) => name !== 'wgsd' || given),
    measures: measure ?? MEASURE_NAMES,
    pairs: pair ?? (quick ? QUICK_PAIR_NAMES : PAIR_NAMES),
    rounds,
    roundTripMilliseconds: roundTrip,
    quick: quick === true,
  };
}

function toolsOf({ wgsdCoredns, wgsdClient }: Settings): Tools {
  // In a checkout and in an installed package all code is in one folder.
  const program = fileURLToPath(new URL('./wg-rendezvous.js', import.meta.url));
  return {
    ours: new OurProgram(program),
    agents: new AgentStarter(program),
    wgsd:
      wgsdCoredns === undefined || wgsdClient === undefined
        ? undefined
        : { coredns: wgsdCoredns, client: wgsdClient },
  };
}

async function expectWritable(file: string | undefined): Promise<void> {
  if (file === undefined) {
    return;
  }
  try {
    await (await open(file, 'a')).close();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new UsageError(`cannot write ${file} (${code}): give a path that can be written`, {
      cause,
    });
  }
}

async function writeReports(comparison: Comparison, settings: Settings): Promise<void> {
  const { formatComparison } = await import('../compare/report/table.js');
  process.stdout.write(formatComparison(comparison));
  if (settings.json !== undefined) {
    await writeFile(settings.json, `${JSON.stringify(comparison, null, 2)}\n`);
  }
  if (settings.html !== undefined) {
    const { htmlReport } = await import('../compare/report/html.js');
    await writeFile(settings.html, htmlReport(comparison));
  }
  if (settings.svg !== undefined) {
    const { chartFile } = await import('../compare/report/svg.js');
    const { connectionChart } = await import('../compare/report/charts.js');
    await writeFile(settings.svg, chartFile(connectionChart(comparison)));
  }
}
