import {
  type ApproachResult,
  type Comparison,
  failed,
  type Outcome,
  PAIR_NAMES,
  TROUBLE_NAMES,
} from '../results.js';
import { ratePeers } from './sections.js';
import { COLOURS, count, duration, PAIR_TITLES, TROUBLE_TITLES } from './text.js';

/** Bars in groups: for each category one bar of each approach. */
export interface Chart {
  readonly title: string;
  readonly categories: readonly string[];
  readonly series: readonly Series[];
  /** Whether values differ too much for a linear axis. */
  readonly logarithmic: boolean;
  format(value: number): string;
  /** What stands in place of a bar that failed. */
  readonly failure: string;
}

export type Value = number | 'failed' | undefined;

export interface Series {
  readonly name: string;
  readonly colour: string;
  /** One for each category; undefined where nothing was measured. */
  readonly values: readonly Value[];
}

const NO_TUNNEL = 'no tunnel';

/** How long connections take, by kind of NAT: the plot that stands for all. */
export function connectionChart(comparison: Comparison): Chart {
  const pairs = PAIR_NAMES.filter((pair) => comparison.plan.pairs.includes(pair));
  return {
    title: 'Start of both clients to first ping',
    categories: pairs.map((pair) => PAIR_TITLES[pair]),
    series: series(comparison, ({ connect }) =>
      pairs.map((pair) => value(connect?.[pair], ({ milliseconds }) => milliseconds)),
    ),
    logarithmic: false,
    format: duration,
    failure: NO_TUNNEL,
  };
}

/** All plots of a comparison; those without a single bar are left out. */
export function charts(comparison: Comparison): Chart[] {
  const peers = ratePeers(comparison.approaches);
  const pairs = PAIR_NAMES.filter((pair) => comparison.plan.pairs.includes(pair));
  const all: Chart[] = [
    connectionChart(comparison),
    {
      title: 'Bytes at the server until then',
      categories: pairs.map((pair) => PAIR_TITLES[pair]),
      series: series(comparison, ({ connect }) =>
        pairs.map((pair) => value(connect?.[pair], ({ bytes }) => bytes)),
      ),
      logarithmic: false,
      format: count,
      failure: NO_TUNNEL,
    },
    {
      title: '100 known peers, server 50 ms away',
      categories: ['all endpoints set'],
      series: series(comparison, ({ peers }) => [value(peers, ({ milliseconds }) => milliseconds)]),
      logarithmic: false,
      format: duration,
      failure: 'failed',
    },
    {
      title: 'Tunnel up when something goes wrong',
      categories: TROUBLE_NAMES.map((name) => TROUBLE_TITLES[name]),
      series: series(comparison, ({ trouble }) =>
        TROUBLE_NAMES.map((name) => value(trouble?.[name], ({ milliseconds }) => milliseconds)),
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
