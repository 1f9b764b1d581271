import { noClassicCounts } from '../../../src/server/classic/classic-handler.js';
import type { Family } from '../../../src/wire/endpoint.js';

/** An entry of a table, as far as shares are concerned. */
export interface Holder {
  readonly family: Family;
  /** The networks it counts in, from the narrowest to the widest. */
  readonly networks: readonly string[];
}

/** In hundred-thousandths there is no rounding. */
const UNIT = 100_000;

/** Whether one more may be added to the entries of a table; docs/operations.md has the rules. */
export function mayAdd(
  entries: readonly Holder[],
  { family, networks }: Holder,
  { maxPeers, share }: { readonly maxPeers: number; readonly share: number },
): boolean {
  const free = maxPeers - entries.length;
  const ofOther = entries.filter((it) => it.family !== family).length;
  if (free <= Math.max(0, Math.floor(maxPeers / 8) - ofOther)) {
    return false;
  }
  const wide = (1 + share) / 2;
  const shares = family === 4 ? [share, wide] : [share / 4, share / 2, share, wide];
  const floors = family === 4 ? [16, 64] : [16, 16, 32, 64];
  return networks.every((network, i) => {
    const held = entries.filter((it) => it.family === family && it.networks[i] === network).length;
    const units = Math.round(shares[i]! * UNIT);
    const floor = Math.min(floors[i]!, Math.floor((maxPeers * units) / UNIT));
    return held < floor || held * (UNIT - units) < free * units;
  });
}

export interface ClassicModelOptions {
  readonly maxPeers: number;
  readonly ttlMs: number;
  readonly share: number;
  /** Datagrams a second for one source; 0 = no limit. */
  readonly rate: number;
  readonly burst: number;
}

/** A datagram as the model sees it: keys are numbers, 0 the all-zero key. */
export interface ModelDatagram extends Holder {
  /** Whose allowances it is for: the same text for the addresses of one source. */
  readonly source: string;
  /** The address and port it came from, as a reply has them. */
  readonly endpoint: Uint8Array;
  /** Whether its address is private: disclosed to private sources only. */
  readonly isPrivate: boolean;
  /** Undefined for anything that is not a request. */
  readonly keys: { readonly mine: number; readonly theirs: number } | undefined;
}

interface Entry extends Holder {
  endpoint: Uint8Array;
  isPrivate: boolean;
  seenAt: number;
}

/** The plainest model of the server: a Map of registrations, and one of tokens. */
export class ClassicModel {
  now = 0;
  readonly counts = { ...noClassicCounts(), limited: 0 };
  private readonly entries = new Map<string, Entry>();
  private readonly tokens = new Map<string, number>();

  constructor(private readonly options: ClassicModelOptions) {}

  /** Time passes: entries expire and tokens come back, a whole number of them. */
  wait(ms: number): void {
    const { rate, burst, ttlMs } = this.options;
    this.now += ms;
    for (const [source, left] of this.tokens) {
      this.tokens.set(source, Math.min(burst, left + (ms * rate) / 1000));
    }
    for (const [name, { seenAt }] of this.entries) {
      if (this.now - seenAt >= ttlMs) {
        this.entries.delete(name);
      }
    }
  }

  /** The bytes of the reply; undefined if there is none. */
  reply(datagram: ModelDatagram): Uint8Array | undefined {
    const { family, source, endpoint, isPrivate, keys } = datagram;
    if (keys === undefined || endpoint.slice(-2).every((byte) => byte === 0)) {
      this.counts.malformed++;
      return undefined;
    }
    if (!this.takeToken(source)) {
      this.counts.limited++;
      return undefined;
    }
    if (keys.mine === 0) {
      this.counts.malformed++;
      return undefined;
    }
    this.counts.requests++;
    this.counts[this.register(`${keys.mine}/${family}`, datagram)]++;
    const found = this.entries.get(`${keys.theirs}/${family}`);
    if (found === undefined || (found.isPrivate && !isPrivate)) {
      this.counts.misses++;
      this.counts.withheld += found === undefined ? 0 : 1;
      return new Uint8Array(0);
    }
    this.counts.hits++;
    return found.endpoint;
  }

  private register(name: string, datagram: ModelDatagram) {
    const { family, networks, endpoint, isPrivate } = datagram;
    const known = this.entries.get(name);
    if (known !== undefined) {
      const moves = !Buffer.from(known.endpoint).equals(endpoint);
      // It counts against the source that brought it, wherever it is now.
      this.entries.set(name, { ...known, endpoint, isPrivate, seenAt: this.now });
      return moves ? 'moves' : 'refreshes';
    }
    if (!mayAdd([...this.entries.values()], datagram, this.options)) {
      return 'refused';
    }
    this.entries.set(name, { family, networks, endpoint, isPrivate, seenAt: this.now });
    return 'registrations';
  }

  private takeToken(source: string): boolean {
    const left = this.tokens.get(source) ?? this.options.burst;
    if (this.options.rate === 0) {
      return true;
    }
    this.tokens.set(source, left >= 1 ? left - 1 : left);
    return left >= 1;
  }
}
