import {
  type ApproachResult,
  type Comparison,
  type ConnectResult,
  FAULT_NAMES,
  failed,
  KNOWN_PEERS,
  type MeasureName,
  type Outcome,
  PAIR_NAMES,
} from '../results.js';
import { count, duration, FAULT_TITLES, PAIR_TITLES, roundTrip } from './labels.js';

/** A part of the report with a column for each approach. */
export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly label: string;
  /** One for each approach. */
  readonly cells: readonly Cell[];
}

export interface Cell {
  readonly text: string;
  /** Why there is no value. */
  readonly problem?: string;
}

const NOT_MEASURED: Cell = { text: '' };

/** The figures of a comparison in the order of a report, without measures that the plan leaves out. */
export function sections(comparison: Comparison): Section[] {
  const { approaches, plan } = comparison;
  const row = <T>(
    label: string,
    pick: (approach: ApproachResult) => Outcome<T> | undefined,
    format: (value: T) => string,
  ): Row => ({
    label,
    cells: approaches.map((approach) => cell(approach, pick(approach), format)),
  });
  const pairs = PAIR_NAMES.filter((pair) => plan.pairs.includes(pair));
  const all: (Section & { readonly measure: MeasureName })[] = [
    {
      measure: 'connect',
      title: `From the start of both clients to the first ping, ${roundTrip(comparison)} (median / p95 / worst of ${plan.rounds})`,
      rows: pairs.map((pair) => row(PAIR_TITLES[pair], ({ connect }) => connect?.[pair], times)),
    },
    {
      measure: 'connect',
      title: 'Datagrams at the server until then (bytes)',
      rows: pairs.map((pair) =>
        row(
          PAIR_TITLES[pair],
          ({ connect }) => connect?.[pair],
          ({ datagrams, bytes }) => `${count(datagrams)} (${count(bytes)})`,
        ),
      ),
    },
    {
      measure: 'peers',
      title: `A client starts, and ${KNOWN_PEERS} peers wait for it, ${roundTrip(comparison)}`,
      rows: [
        row(
          'all connected',
          ({ peers }) => peers,
          ({ milliseconds }) => duration(milliseconds),
        ),
        row(
          'consecutive round trips',
          ({ peers }) => peers,
          ({ roundTrips }) => count(roundTrips),
        ),
        row(
          'datagrams (bytes)',
          ({ peers }) => peers,
          ({ datagrams, bytes }) => `${count(datagrams)} (${count(bytes)})`,
        ),
      ],
    },
    {
      measure: 'faults',
      title: 'From a fault until the tunnel is up',
      rows: FAULT_NAMES.map((fault) =>
        row(
          FAULT_TITLES[fault],
          ({ faults }) => faults?.[fault],
          ({ milliseconds }) => duration(milliseconds),
        ),
      ),
    },
    {
      measure: 'rate',
      title: 'Requests a second that the server answers (best half second)',
      rows: ratePeers(approaches).map((peers) =>
        row(
          `${count(peers)} peers`,
          ({ rate }) => rate?.[peers],
          ({ perSecond }) => count(perSecond),
        ),
      ),
    },
    {
      measure: 'rate',
      title: 'Processor time of the server for a request, in microseconds',
      rows: ratePeers(approaches).map((peers) =>
        row(
          `${count(peers)} peers`,
          ({ rate }) => rate?.[peers],
          ({ processorMicroseconds }) => processorMicroseconds.toFixed(1),
        ),
      ),
    },
  ];
  return all.filter(({ measure, rows }) => plan.measures.includes(measure) && rows.length > 0);
}

/** The middle and the slow end of the rounds; failed rounds are slower than any other. */
function times(result: ConnectResult): string {
  const { milliseconds, p95Milliseconds, worstMilliseconds, failedRounds } = result;
  const worst = failedRounds > 0 ? `${failedRounds} failed` : duration(worstMilliseconds);
  return `${duration(milliseconds)} / ${duration(p95Milliseconds)} / ${worst}`;
}

/** The numbers of peers for which request rates exist. */
export function ratePeers(approaches: readonly ApproachResult[]): number[] {
  const numbers = approaches.flatMap(({ rate }) => Object.keys(rate ?? {}).map(Number));
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function cell<T>(
  { name, problem }: ApproachResult,
  outcome: Outcome<T> | undefined,
  format: (value: T) => string,
): Cell {
  if (problem !== undefined) {
    return { text: '-', problem: `${name} did not run: ${problem}` };
  }
  if (outcome === undefined) {
    return NOT_MEASURED;
  }
  return failed(outcome as object)
    ? { text: '-', problem: (outcome as { problem: string }).problem }
    : { text: format(outcome as T) };
}
