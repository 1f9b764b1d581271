import { setTimeout as wait } from 'node:timers/promises';
import type { Status } from '../client/status/status.js';
import {
  interfacesWithStatus,
  NoClientError,
  NoStatusError,
  readStatus,
} from '../client/status/status-socket.js';
import { EXIT } from './exit-code.js';
import { Screen } from './screen.js';
import { statusLines, windowLines } from './status-view.js';
import { stopSignal } from './stop-signal.js';
import { hasColour } from './styled-line.js';

const WATCH_MS = 1000;

interface StatusFlags {
  readonly json?: true;
  readonly watch?: true;
}

/** What was read of one interface: a status, or why there is none. */
type Reading = Status | NoStatusError;

/** Shows the status of clients. Returns the exit code: 1 where one of them gave none. */
export async function runStatus(name: string | undefined, flags: StatusFlags): Promise<number> {
  const stop = stopSignal();
  return flags.watch ? watch(name, flags, stop) : show(name, flags);
}

async function show(name: string | undefined, flags: StatusFlags): Promise<number> {
  const readings = await readAll(name);
  print(readings, flags);
  return readings.some((reading) => reading instanceof NoStatusError) ? EXIT.failed : EXIT.ok;
}

async function watch(
  name: string | undefined,
  flags: StatusFlags,
  stop: AbortSignal,
): Promise<number> {
  const { stdout } = process;
  let readings: Reading[] = [];
  const screen =
    stdout.isTTY && !flags.json
      ? new Screen(stdout, (columns, rows) => windowOf(readings, columns, rows))
      : undefined;
  while (!stop.aborted) {
    readings = await readAll(name);
    if (screen === undefined) {
      print(readings, flags);
    } else {
      screen.draw();
    }
    await wait(WATCH_MS, undefined, { signal: stop }).catch(() => {});
  }
  screen?.end();
  return EXIT.ok;
}

/** All readings one below the other, each with its share of the rows. */
function windowOf(readings: readonly Reading[], columns: number, rows: number): string[] {
  const sheet = { columns, colour: hasColour(process.stdout) };
  const share = Math.floor(rows / Math.max(readings.length, 1));
  return readings.flatMap((reading) =>
    reading instanceof NoStatusError
      ? [reading.message.slice(0, columns)]
      : windowLines(reading, sheet, share),
  );
}

/** The status of one client, or of all that run. */
async function readAll(name: string | undefined): Promise<Reading[]> {
  try {
    const names = name === undefined ? interfacesWithStatus() : [name];
    const readings = await Promise.all(names.map((one) => readStatus(one).catch(expected)));
    // Nobody asked for the interface of a client that was killed and left its socket.
    const found = readings.filter(
      (reading) => name !== undefined || !(reading instanceof NoClientError),
    );
    return found.length > 0 ? found : [NO_CLIENT];
  } catch (error) {
    return [expected(error)];
  }
}

const NO_CLIENT = new NoClientError(
  'no client runs on this host: start one (wg-rendezvous client INTERFACE SERVER)',
);

function expected(error: unknown): NoStatusError {
  if (error instanceof NoStatusError) {
    return error;
  }
  throw error;
}

/** Results on stdout, what is missing on stderr. */
function print(readings: readonly Reading[], { json }: StatusFlags): void {
  const { stdout, stderr } = process;
  const sheet = {
    columns: stdout.isTTY ? stdout.columns || 80 : Number.POSITIVE_INFINITY,
    colour: hasColour(stdout),
  };
  const texts: string[] = [];
  for (const reading of readings) {
    if (reading instanceof NoStatusError) {
      stderr.write(`error: ${reading.message}\n`);
    } else {
      texts.push(json ? JSON.stringify(reading) : `${statusLines(reading, sheet).join('\n')}`);
    }
  }
  if (texts.length > 0) {
    stdout.write(`${texts.join(json ? '\n' : '\n\n')}\n`);
  }
}
