import { noClassicCounts } from '../../../src/server/classic/classic-handler.js';
import type { Family } from '../../../src/wire/endpoint.js';

/** Entries that a source may have wherever there is room, if its share is as much; see docs/operations.md. */
const FLOOR = 16;

/** Whether a source that holds so many entries may add one where so many are free. */
export function mayAdd(
  held: number,
  free: number,
  { maxPeers, share }: { readonly maxPeers: number; readonly share: number },
): boolean {
  // In thousandths there is no rounding.
  const thousandths = Math.round(share * 1000);
  const floor = Math.min(FLOOR, Math.floor((maxPeers * thousandths) / 1000));
  return free > 0 && (held < floor || held * (1000 - thousandths) < free * thousandths);
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
export interface ModelDatagram {
  readonly family: Family;
  /** Whose allowances it is for: the same text for the addresses of one source. */
  readonly source: string;
  /** The address and port it came from, as a reply has them. */
  readonly endpoint: Uint8Array;
  /** Whether its address is private: disclosed to private sources only. */
  readonly isPrivate: boolean;
  /** Undefined for what is no request. */
  readonly keys: { readonly mine: number; readonly theirs: number } | undefined;
}

interface Entry {
  source: string;
  endpoint: Uint8Array;
  isPrivate: boolean;
  seenAt: number;
}

/** What the server does, in the plainest words: a Map of what was registered, and one of tokens. */
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

  /** The bytes of the reply; undefined where there is none. */
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

  private register(name: string, { source, endpoint, isPrivate }: ModelDatagram) {
    const known = this.entries.get(name);
    if (known !== undefined) {
      const moves = !Buffer.from(known.endpoint).equals(endpoint);
      // It counts against the source that brought it, wherever it is now.
      this.entries.set(name, { source: known.source, endpoint, isPrivate, seenAt: this.now });
      return moves ? 'moves' : 'refreshes';
    }
    const held = [...this.entries.values()].filter((entry) => entry.source === source).length;
    if (!mayAdd(held, this.options.maxPeers - this.entries.size, this.options)) {
      return 'refused';
    }
    this.entries.set(name, { source, endpoint, isPrivate, seenAt: this.now });
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
