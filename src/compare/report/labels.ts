import type { ApproachName, Comparison, FaultName, PairName } from '../results.js';

/** The titles of pairs, shared by all reports. */
export const PAIR_TITLES: Readonly<Record<PairName, string>> = {
  none: 'no NAT',
  cone: 'cone NATs',
  keepalive: 'keepalive set before',
  symmetric: 'symmetric NATs',
  cgnat: 'carrier NATs',
  'full-cone': 'full-cone NATs',
  'same-nat': 'behind one NAT',
  'symmetric-x-cone': 'symmetric, cone',
  'cone-x-symmetric': 'cone, symmetric',
  'cgnat-block-x-cone': 'carrier block, cone',
  'port-mapping-x-symmetric': 'UPnP, symmetric',
  'same-carrier': 'behind one carrier',
  poisoning: 'poisoned by probes',
};

export const FAULT_TITLES: Readonly<Record<FaultName, string>> = {
  'server-late': 'server starts 3 s late',
  'reply-lost': 'one reply lost',
  'server-restarted': 'server restarted',
  'mapping-changed': 'NAT mapping changed',
};

/** The palette of Okabe and Ito, which most eyes can tell apart, on light and dark backgrounds. */
export const COLOURS: Readonly<Record<ApproachName, string>> = {
  classic: '#0072b2',
  sealed: '#009e73',
  dns: '#e69f00',
  original: '#8a8a8a',
  wgsd: '#cc79a7',
};

const NUMBER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function count(value: number): string {
  return NUMBER.format(value);
}

/** Formats a time: milliseconds below one second, seconds above; at most three digits. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) {
    return `${Math.round(milliseconds)} ms`;
  }
  const seconds = milliseconds / 1000;
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

/** The round trip that a comparison ran at. */
export function roundTrip({ plan }: Comparison): string {
  return `round trip ${plan.roundTripMilliseconds} ms`;
}
