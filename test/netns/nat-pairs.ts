import type { NatKind } from '../../src/lab/index.js';

/** The kinds of NAT, for pairs of hosts. */
export const PAIRED_KINDS = [
  'none',
  'cone',
  'symmetric',
  'full-cone',
  'cgnat',
] as const satisfies readonly NatKind[];

export type NatPair = readonly [NatKind, NatKind];

/** All 15 unordered pairs of them. */
export const NAT_PAIRS: readonly NatPair[] = PAIRED_KINDS.flatMap((first, index) =>
  PAIRED_KINDS.slice(index).map((second) => [first, second] as const),
);

/**
 * Whether the original client and server connect a pair. Measured twice in the lab with the program of
 * wireguard-tools 1.0.20210914 and wireguard-go, 20 s for each pair: pings in both directions were
 * answered 2.1 to 3.3 s after the start, or not at all. `original-pairs.test.ts` repeats the measurement.
 *
 * Three pairs cannot be connected this way: the mapping of a symmetric NAT towards the rendezvous server
 * differs from the one towards the peer, and the other side filters by port.
 */
const CROSSED_BY_ORIGINAL: Readonly<Record<string, boolean>> = {
  'none x none': true,
  'none x cone': true,
  'none x symmetric': true,
  'none x full-cone': true,
  'none x cgnat': true,
  'cone x cone': true,
  'cone x symmetric': false,
  'cone x full-cone': true,
  'cone x cgnat': true,
  'symmetric x symmetric': false,
  'symmetric x full-cone': true,
  'symmetric x cgnat': false,
  'full-cone x full-cone': true,
  'full-cone x cgnat': true,
  'cgnat x cgnat': true,
};

export function pairName([first, second]: NatPair): string {
  return `${first} x ${second}`;
}

/** Whether the original connects this pair. Throws if the pair was not measured. */
export function crossedByOriginal(pair: NatPair): boolean {
  const crossed = CROSSED_BY_ORIGINAL[pairName(pair)];
  if (crossed === undefined) {
    throw new RangeError(`no measurement of ${pairName(pair)}`);
  }
  return crossed;
}
