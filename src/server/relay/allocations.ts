import type { Source } from '../../limits/source.js';
import { SourceShare } from '../../limits/source-share.js';
import { RELAY_KEY_LENGTH } from '../../wire/relay.js';
import type { ProvenPath } from '../sealed/proven-path.js';

/** Pairs for each relay port, at most: all that share a port share its socket's queue. */
const PAIRS_PER_PORT = 512;

/** After this long without a datagram, a binding ends, and a pair that no client asks for loses its port. */
export const IDLE_MS = 60_000;

const KEY_WORDS = RELAY_KEY_LENGTH / Uint32Array.BYTES_PER_ELEMENT;

/** One of the two that a relay port connects. */
export class Side<User> {
  /** The credentials of its client. */
  id = 0;
  readonly key = new Uint8Array(RELAY_KEY_LENGTH);
  /** The highest counter of a bind with that id. */
  counter = 0;
  /** The bucket of its binds; see CellRate. */
  bindsFullAt = 0;
  /** Whether its client asks for the relay. */
  isAsked = false;
  /** The caller's data for this side. */
  user: User | undefined;
  /** The bound source, and the hash by which the bindings find it. */
  path: ProvenPath | undefined;
  pathHash = 0;
  /** Of the bindings with that hash. */
  next: Side<User> | undefined;
  private peer: Side<User> | undefined;

  /** @param owner the public key of its client; see keyText */
  constructor(
    readonly owner: string,
    readonly allocation: Allocation<User>,
  ) {}

  /** The other side. */
  get other(): Side<User> {
    return this.peer!;
  }

  set other(side: Side<User>) {
    this.peer = side;
  }
}

/** A pair and its relay port. */
export class Allocation<User> {
  readonly sides: readonly [Side<User>, Side<User>];

  /**
   * @param source whose share it counts against
   * @param usedAt when a datagram was last forwarded, or a client last asked for it, in ms
   * @param fullAt the bucket of its bytes; see CellRate
   */
  constructor(
    readonly port: number,
    readonly source: Source,
    owners: readonly [string, string],
    public usedAt: number,
    public fullAt: number,
  ) {
    const [first, second] = owners.map((owner) => new Side<User>(owner, this)) as [
      Side<User>,
      Side<User>,
    ];
    first.other = second;
    second.other = first;
    this.sides = [first, second];
  }

  /** The side of a client of the pair. */
  sideOf(owner: string): Side<User> {
    const [first, second] = this.sides;
    return first.owner === owner ? first : second;
  }

  get isAsked(): boolean {
    return this.sides[0].isAsked || this.sides[1].isAsked;
  }
}

export interface AllocationOptions {
  /** The relay ports: the first one, and how many there are. */
  readonly firstPort: number;
  readonly ports: number;
  /** The most pairs that one source can hold, as a part of all; see SourceShare. */
  readonly sourceShare: number;
  /** 32 unpredictable bits. */
  randomNumber(): number;
}

/**
 * Which pair has which relay port. A client has each port once at most, so that at a port the source of a
 * datagram identifies its pair.
 * @typeParam User the data that callers attach to a side
 */
export class Allocations<User> {
  private readonly byPair = new Map<string, Allocation<User>>();
  private readonly byId = new Map<number, Side<User>>();
  /** The ports of each client. */
  private readonly used = new Map<string, Set<number>>();
  /** How many pairs each port has. */
  private readonly pairs: Uint32Array;
  private readonly share: SourceShare;

  constructor(private readonly options: AllocationOptions) {
    const { ports, sourceShare } = options;
    this.pairs = new Uint32Array(ports);
    this.share = new SourceShare(sourceShare, ports * PAIRS_PER_PORT);
  }

  /** The allocations of all pairs; one may be closed during iteration. */
  get all(): Iterable<Allocation<User>> {
    return this.byPair.values();
  }

  /** How many pairs have a port. */
  get size(): number {
    return this.byPair.size;
  }

  /** Clients that have ports. */
  get clients(): number {
    return this.used.size;
  }

  /** The side that a bind names. */
  find(id: number): Side<User> | undefined {
    return this.byId.get(id | 0);
  }

  /**
   * The allocation of a pair: the existing one, or a new one at the emptiest port that neither of the two
   * has.
   * @param source whose share a new one counts against
   * @param fullAt the bucket of a new one
   * @returns undefined if there is no port or no room
   */
  open(
    owners: readonly [string, string],
    source: Source,
    now: number,
    fullAt: number,
  ): Allocation<User> | undefined {
    const name = pairName(owners);
    const known = this.byPair.get(name);
    if (known !== undefined) {
      known.usedAt = now;
      return known;
    }
    const port = this.freePort(owners);
    if (port === undefined || !this.share.admits(source)) {
      return undefined;
    }
    const allocation = new Allocation<User>(port, source, owners, now, fullAt);
    this.share.add(source);
    this.byPair.set(name, allocation);
    this.pairs[port - this.options.firstPort]!++;
    for (const side of allocation.sides) {
      const used = this.used.get(side.owner) ?? new Set();
      this.used.set(side.owner, used.add(port));
      this.renew(side);
    }
    return allocation;
  }

  /** Gives a side a new id and key: binds with those before are ignored. Its binding stays. */
  renew(side: Side<User>): void {
    const { randomNumber } = this.options;
    this.byId.delete(side.id);
    do {
      side.id = randomNumber() | 0;
    } while (side.id === 0 || this.byId.has(side.id));
    this.byId.set(side.id, side);
    const words = new Uint32Array(side.key.buffer);
    for (let i = 0; i < KEY_WORDS; i++) {
      words[i] = randomNumber();
    }
    side.counter = 0;
  }

  /** Takes the port from a pair; the caller unbinds its sides. */
  close(allocation: Allocation<User>): void {
    const { port, source, sides } = allocation;
    const name = pairName([sides[0].owner, sides[1].owner]);
    if (this.byPair.get(name) !== allocation) {
      return;
    }
    this.byPair.delete(name);
    this.share.remove(source);
    this.pairs[port - this.options.firstPort]!--;
    for (const side of sides) {
      this.byId.delete(side.id);
      side.key.fill(0);
      const used = this.used.get(side.owner);
      used?.delete(port);
      if (used?.size === 0) {
        this.used.delete(side.owner);
      }
    }
  }

  /** The allocations that no client asks for and that were not used for IDLE_MS. */
  idle(now: number): Allocation<User>[] {
    const before = now - IDLE_MS;
    return [...this.byPair.values()].filter((it) => !it.isAsked && it.usedAt <= before);
  }

  private freePort(owners: readonly [string, string]): number | undefined {
    const [first, second] = owners.map((owner) => this.used.get(owner));
    let best: number | undefined;
    let fewest = PAIRS_PER_PORT;
    for (const [index, pairs] of this.pairs.entries()) {
      const port = this.options.firstPort + index;
      if (pairs < fewest && first?.has(port) !== true && second?.has(port) !== true) {
        best = port;
        fewest = pairs;
      }
    }
    return best;
  }
}

function pairName([a, b]: readonly [string, string]): string {
  return a < b ? a + b : b + a;
}
