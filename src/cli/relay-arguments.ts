import { InvalidArgumentError } from 'commander';
import { MAX_RELAY_PORTS } from '../server/options.js';
import type { RelayPorts } from '../server/relay/relay-sockets.js';

const MAX_PORT = 65_535;

/** Less lets not even WireGuard's handshakes through. */
const MIN_RATE = 1000;
const MAX_RATE = 1_000_000_000_000;

const PORTS = /^(\d{1,5})-(\d{1,5})$/;
const RATE = /^(\d+(?:\.\d+)?)([kMG]?)$/;
const UNIT = { '': 1, k: 1e3, M: 1e6, G: 1e9 } as const;

/** `FIRST-LAST`. */
export function relayPorts(text: string): RelayPorts {
  const [, first, last] = (PORTS.exec(text) ?? []).map(Number);
  const count = (last ?? 0) - (first ?? 0) + 1;
  if (first === undefined || first < 1 || last! > MAX_PORT || count < 1) {
    throw new InvalidArgumentError('expected FIRST-LAST, two ports from 1 to 65535.');
  }
  if (count > MAX_RELAY_PORTS) {
    throw new InvalidArgumentError(`expected at most ${MAX_RELAY_PORTS} ports, got ${count}.`);
  }
  return { first, count };
}

/** Bits per second, with a decimal suffix or none: `500k`, `10M`, `1.5G`. */
export function bitRate(text: string): number {
  const [, number, unit] = RATE.exec(text) ?? [];
  const rate = Math.round(Number(number) * UNIT[(unit ?? '') as keyof typeof UNIT]);
  if (!(rate >= MIN_RATE && rate <= MAX_RATE)) {
    throw new InvalidArgumentError('expected bits per second from 1k to 1000G, as 500k or 10M.');
  }
  return rate;
}

export function formatPorts({ first, count }: RelayPorts): string {
  return `${first}-${first + count - 1}`;
}
