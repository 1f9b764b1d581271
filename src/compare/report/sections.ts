import {
  type ApproachResult,
  type Comparison,
  failed,
  type MeasureName,
  type Outcome,
  PAIR_NAMES,
  TROUBLE_NAMES,
} from '../results.js';
import { count, duration, PAIR_TITLES, TROUBLE_TITLES } from './text.js';

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

/** A part that says a line or more of each approach. */
export interface Passage {
  readonly title: string;
  readonly entries: readonly { readonly name: string; readonly lines: readonly string[] }[];
}

const NOT_MEASURED: Cell = { text: '' };

/** The numbers of a comparison, in the order of a report; parts that nobody measured are left out. */
export function sections({ approaches, plan }: Comparison): Section[] {
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
      title: `From the start of both clients to the first ping (median of ${plan.rounds})`,
      rows: pairs.map((pair) =>
        row(
          PAIR_TITLES[pair],
          ({ connect }) => connect?.[pair],
          ({ milliseconds }) => duration(milliseconds),
        ),
      ),
    },
    {
      measure: 'connect',
      title: 'Datagrams at the server until then (bytes)',
      rows: pairs.map((pair) =>
        row(
          PAIR_TITLES[pair],
          ({ connect }) => connect?.[pair],
          ({ datagrams, bytes }) => `${datagrams} (${count(bytes)})`,
        ),
      ),
    },
    {
      measure: 'peers',
      title: 'A client with 100 known peers, the server 50 ms away',
      rows: [
        row(
          'all endpoints set',
          ({ peers }) => peers,
          ({ milliseconds }) => duration(milliseconds),
        ),
        row(
          'round trips one after the other',
          ({ peers }) => peers,
          ({ roundTrips }) => count(roundTrips),
        ),
        row(
          'datagrams (bytes)',
          ({ peers }) => peers,
          ({ datagrams, bytes }) => `${datagrams} (${count(bytes)})`,
        ),
      ],
    },
    {
      measure: 'trouble',
      title: 'Until the tunnel is up (again) when something goes wrong',
      rows: TROUBLE_NAMES.map((trouble) =>
        row(
          TROUBLE_TITLES[trouble],
          ({ trouble: found }) => found?.[trouble],
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
  ];
  return all.filter(({ measure, rows }) => plan.measures.includes(measure) && rows.length > 0);
}

/** The numbers of peers that request rates were measured with. */
export function ratePeers(approaches: readonly ApproachResult[]): number[] {
  const numbers = approaches.flatMap(({ rate }) => Object.keys(rate ?? {}).map(Number));
  return [...new Set(numbers)].sort((a, b) => a - b);
}

/** What a comparison says in words. */
export function passages({ approaches }: Comparison): Passage[] {
  const all: Passage[] = [
    {
      title: 'What a stranger learns',
      entries: approaches.map(({ name, stranger }) => ({
        name,
        lines: (stranger ?? []).map((found) =>
          failed(found)
            ? `not measured: ${found.problem}`
            : `${found.asked} -> ${found.answer}: ${found.endpointsDisclosed ? 'endpoints disclosed' : 'nothing'}`,
        ),
      })),
    },
    {
      title: 'What the server has to be configured with',
      entries: approaches.map(({ name, needs }) => ({ name, lines: [needs.server] })),
    },
    {
      title: 'What each peer has to be configured with',
      entries: approaches.map(({ name, needs }) => ({ name, lines: [needs.client] })),
    },
    {
      title: 'What root is needed for',
      entries: approaches.map(({ name, needs }) => ({ name, lines: [needs.root] })),
    },
  ];
  return all
    .map(({ title, entries }) => ({
      title,
      entries: entries.filter(({ lines }) => lines.length > 0),
    }))
    .filter(({ entries }) => entries.length > 0);
}

/** Why approaches or values are missing: each reason once, with the number that stands for it. */
export function notes(comparison: Comparison): Map<string, number> {
  const reasons = [
    ...comparison.approaches.flatMap(({ name, problem }) =>
      problem === undefined ? [] : [`${name} did not run: ${problem}`],
    ),
    ...sections(comparison).flatMap(({ rows }) =>
      rows.flatMap(({ cells }) => cells.flatMap(({ problem }) => problem ?? [])),
    ),
  ];
  return new Map([...new Set(reasons)].map((reason, index) => [reason, index + 1]));
}

/** Where and when it was measured, in one line. */
export function setting({ version, startedAt, seconds, machine }: Comparison): string {
  const { cores, processor, kernel, node, wireguard } = machine;
  const date = startedAt.slice(0, 10);
  const where = `${cores} cores of ${processor}, Linux ${kernel}, Node ${node}, ${wireguard}`;
  return `wg-rendezvous ${version}, ${date}, ${seconds} s; ${where}`;
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
