import {
  type ApproachResult,
  type Comparison,
  type ConnectResult,
  FAULT_NAMES,
  failed,
  KNOWN_PEERS,
  type Outcome,
  PAIR_NAMES,
} from '../results.js';
import { COLOURS, count, duration, FAULT_TITLES, PAIR_TITLES, roundTrip } from './labels.js';
import { ratePeers } from './sections.js';

/** A grouped bar chart: in each category one bar for each approach. */
export interface Chart {
  readonly title: string;
  readonly categories: readonly string[];
  readonly series: readonly Series[];
  /** Whether the axis is logarithmic, as values differ widely. */
  readonly logarithmic: boolean;
  format(value: number): string;
  /** The text in place of the bar of a failed measurement. */
  readonly failure: string;
}

export type Value = number | 'failed' | undefined;

export interface Series {
  readonly name: string;
  readonly colour: string;
  /** One for each category; undefined if not measured. */
  readonly values: readonly Value[];
}

const NO_TUNNEL = 'no tunnel';

/** How long connections take by kind of NAT, as medians: the most important plot. */
export function connectionChart(comparison: Comparison): Chart {
  const title = `Start to first ping, ${roundTrip(comparison)}`;
  return pairChart(comparison, title, ({ milliseconds }) => milliseconds, duration);
}

/** One value of each pair. */
function pairChart(
  comparison: Comparison,
  title: string,
  pick: (result: ConnectResult) => number,
  format: Chart['format'],
): Chart {
  const pairs = PAIR_NAMES.filter((pair) => comparison.plan.pairs.includes(pair));
  return {
    title,
    categories: pairs.map((pair) => PAIR_TITLES[pair]),
    series: series(comparison, ({ connect }) => pairs.map((pair) => value(connect?.[pair], pick))),
    logarithmic: false,
    format,
    failure: NO_TUNNEL,
  };
}

/** All plots of a comparison that have at least one bar. */
export function charts(comparison: Comparison): Chart[] {
  const peers = ratePeers(comparison.approaches);
  const all: Chart[] = [
    connectionChart(comparison),
    pairChart(
      comparison,
      '95 % of the connections within',
      ({ p95Milliseconds }) => p95Milliseconds,
      duration,
    ),
    pairChart(
      comparison,
      `Slowest connection of ${comparison.plan.rounds}`,
      ({ worstMilliseconds }) => worstMilliseconds,
      duration,
    ),
    pairChart(comparison, 'Bytes at the server until then', ({ bytes }) => bytes, count),
    {
      title: `${KNOWN_PEERS} peers wait, ${roundTrip(comparison)}`,
      categories: ['all connected'],
      series: series(comparison, ({ peers }) => [value(peers, ({ milliseconds }) => milliseconds)]),
      logarithmic: false,
      format: duration,
      failure: 'failed',
    },
    {
      title: 'Tunnel up after a fault',
      categories: FAULT_NAMES.map((name) => FAULT_TITLES[name]),
      series: series(comparison, ({ faults }) =>
        FAULT_NAMES.map((name) => value(faults?.[name], ({ milliseconds }) => milliseconds)),
      ),
      logarithmic: true,
      format: duration,
      failure: NO_TUNNEL,
    },
    {
      title: 'Processor time for a request',
      categories: peers.map((number) => `${count(number)} peers`),
      series: series(comparison, ({ rate }) =>
        peers.map((number) =>
          value(rate?.[number], ({ processorMicroseconds }) => processorMicroseconds),
        ),
      ),
      logarithmic: false,
      format: (microseconds) => `${microseconds.toFixed(1)} us`,
      failure: 'failed',
    },
  ];
  return all.filter(({ series }) => series.length > 0);
}

function series(
  { approaches }: Comparison,
  values: (approach: ApproachResult) => Value[],
): Series[] {
  return approaches
    .map((approach) => ({
      name: approach.name,
      colour: COLOURS[approach.name],
      values: values(approach),
    }))
    .filter(({ values }) => values.some((value) => value !== undefined));
}

function value<T extends object>(
  outcome: Outcome<T> | undefined,
  pick: (value: T) => number,
): Value {
  if (outcome === undefined) {
    return undefined;
  }
  return failed(outcome) ? 'failed' : pick(outcome);
}
