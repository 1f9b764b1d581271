import type { ApproachName, PairName, TroubleName } from '../results.js';

/** The words and numbers that reports share. */
export const PAIR_TITLES: Readonly<Record<PairName, string>> = {
  none: 'no NAT',
  cone: 'cone NATs',
  symmetric: 'symmetric NATs',
  cgnat: 'carrier NATs',
  'full-cone': 'full-cone NATs',
  'same-nat': 'behind one NAT',
};

export const TROUBLE_TITLES: Readonly<Record<TroubleName, string>> = {
  'server-late': 'server starts 3 s late',
  'reply-lost': 'one reply lost',
  'server-restarted': 'server restarted',
  'mapping-changed': 'NAT mapping changed',
};

/** Of a palette that stays apart for most eyes (Okabe and Ito), in light and dark. */
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

/** Milliseconds below a second, then seconds: three digits at most. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) {
    return `${Math.round(milliseconds)} ms`;
  }
  const seconds = milliseconds / 1000;
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}
