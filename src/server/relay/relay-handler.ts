import type { Admission } from '../../limits/admission.js';
import { CellRate } from '../../limits/cell-rate.js';
import type { HashKey } from '../../limits/half-siphash.js';
import type { Source } from '../../limits/source.js';
import { hasBindMac, writeBindMac } from '../../sealed/bind-mac.js';
import { CookieChecker } from '../../sealed/cookie-checker.js';
import { ADDRESS_WORDS, type DatagramBatch, NO_REPLY } from '../../socket/datagram-batch.js';
import type { Family } from '../../wire/endpoint.js';
import {
  BIND_LENGTH,
  BIND_OFFSET,
  BINDING,
  type BindingState,
  isBind,
  isWireguard,
  readBindCounter,
  readBindId,
  writeBound,
} from '../../wire/relay.js';
import { Incoming } from '../sealed/incoming.js';
import type { Outlet } from '../sealed/outbox.js';
import { type Allocation, Allocations, IDLE_MS, type Side } from './allocations.js';
import { Bindings, isBoundTo } from './bindings.js';
import { noRelayCounts, type RelayCounts, type RelaySizes } from './relay-counts.js';
import { RelayOutbox } from './relay-outbox.js';

const BITS_PER_BYTE = 8;

/** Burst after a pause: this part of the rate, and at least so many bytes. */
const BURST_SECONDS = 0.25;
const MIN_BURST_BYTES = 128 * 1024;

/**
 * Valid binds of a side, per second and at once. Clients need fewer. Each may cause a challenge to an address
 * of the client's choosing.
 */
const BINDS = new CellRate({ rate: 10, burst: 20 });

/** How often idle bindings and pairs are looked for. */
const SWEEP_MS = 1000;

export interface RelayHandlerOptions {
  /** The relay ports: the first one, and how many there are. */
  readonly firstPort: number;
  readonly ports: number;
  /** Bits per second of a pair, both directions together, and of all pairs. */
  readonly rate: number;
  readonly totalRate: number;
  /** The most pairs that one source can hold, as a part of all. */
  readonly sourceShare: number;
  /** The rate of each source, on which binds draw. */
  readonly admission: Admission;
  /** Keys all hashes. */
  readonly hashKey: HashKey;
  /** 32 unpredictable bits. */
  randomNumber(): number;
}

/**
 * The relay over batches of datagrams (docs/protocol.md, "Relay"): forwards WireGuard's datagrams between the
 * bound sources of a pair, in place and unchanged, and answers binds.
 * @typeParam User the data that callers attach to a side
 */
export class RelayHandler<User> {
  readonly counts: RelayCounts = noRelayCounts();
  readonly allocations: Allocations<User>;
  private readonly bindings: Bindings<User>;
  private readonly outbox = new RelayOutbox();
  private readonly incoming: Incoming;
  private readonly cookies: CookieChecker;
  private readonly pairRate: CellRate;
  private readonly totalRate: CellRate;
  private totalFullAt = 0;
  /** The relay port of each socket. */
  private readonly portOf: number[] = [];
  private readonly message = new Uint8Array(BIND_LENGTH);
  /** The sender of the previous datagram: the next one is often from it, too. */
  private last: Side<User> | undefined;
  private sweepAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly options: RelayHandlerOptions,
    private now: number,
  ) {
    const { hashKey, rate, totalRate } = options;
    this.allocations = new Allocations(options);
    this.bindings = new Bindings(hashKey);
    this.incoming = new Incoming(hashKey);
    this.cookies = new CookieChecker(now);
    this.pairRate = byteRate(rate);
    this.totalRate = byteRate(totalRate);
  }

  /** The present sizes of its tables. */
  get sizes(): RelaySizes {
    return { pairs: this.allocations.size, bindings: this.bindings.size };
  }

  /** Adds a socket of a relay port; sockets are numbered from 0 in order. */
  addSocket(outlet: Outlet, port: number): void {
    this.outbox.add(outlet);
    this.portOf.push(port);
  }

  /** Forwards or answers each datagram of a batch, which came in by the socket with that number. */
  answer(batch: DatagramBatch, count: number, family: Family, socket: number, now: number): void {
    const { lengths, payload, stride } = batch;
    this.now = now;
    this.incoming.begin(batch, count, family, socket);
    for (let slot = 0; slot < count; slot++) {
      const length = lengths[slot]!;
      const at = slot * stride;
      if (length > stride) {
        this.counts.oversize++;
        lengths[slot] = NO_REPLY;
      } else if (isWireguard(payload, at, length)) {
        lengths[slot] = this.forward(batch, slot, socket, now);
      } else if (isBind(payload, at, length)) {
        this.incoming.slot = slot;
        lengths[slot] = this.bind(this.incoming, now);
      } else {
        this.counts.foreign++;
        lengths[slot] = NO_REPLY;
      }
    }
    this.outbox.flush();
  }

  /**
   * Call this about every 50 ms: ends bindings without datagrams.
   * @returns the pairs that no client asks for or uses any more, for the caller to close
   */
  tick(now: number): readonly Allocation<User>[] {
    this.now = now;
    if (now < this.sweepAt) {
      return [];
    }
    this.sweepAt = now + SWEEP_MS;
    for (const side of this.bindings.idle(now - IDLE_MS)) {
      this.counts.expired++;
      this.bindings.unbind(side);
    }
    return this.allocations.idle(now);
  }

  /**
   * The allocation of a pair, as Allocations.open gives it. A new one has no burst yet: otherwise a pair that
   * gives up its port and asks again, over and over, would exceed its rate.
   */
  open(owners: readonly [string, string], source: Source): Allocation<User> | undefined {
    return this.allocations.open(owners, source, this.now, this.pairRate.empty(this.now));
  }

  /** Closes an allocation: nothing of the pair is forwarded any more. */
  close(allocation: Allocation<User>): void {
    for (const side of allocation.sides) {
      this.bindings.unbind(side);
    }
    this.allocations.close(allocation);
  }

  /** Addresses a datagram of WireGuard to the other side; the length to send from its slot, or NO_REPLY. */
  private forward(batch: DatagramBatch, slot: number, socket: number, now: number): number {
    const { addresses, lengths, payload, stride } = batch;
    const { counts } = this;
    const word = slot * ADDRESS_WORDS;
    const side = this.sender(addresses, word, socket);
    if (side?.path === undefined) {
      counts.unbound++;
      return NO_REPLY;
    }
    side.path.heardAt = now;
    const to = side.other.path;
    if (to === undefined) {
      counts.peerUnbound++;
      return NO_REPLY;
    }
    const length = lengths[slot]!;
    const { allocation } = side;
    if (!this.pairRate.has(allocation.fullAt, now, length)) {
      counts.pairRate++;
      return NO_REPLY;
    }
    if (!this.totalRate.has(this.totalFullAt, now, length)) {
      counts.totalRate++;
      return NO_REPLY;
    }
    allocation.fullAt = this.pairRate.take(allocation.fullAt, now, length);
    this.totalFullAt = this.totalRate.take(this.totalFullAt, now, length);
    allocation.usedAt = now;
    counts.forwarded++;
    counts.forwardedBytes += length;
    if (to.socket !== socket) {
      this.outbox.send(to, payload, slot * stride, length);
      return NO_REPLY;
    }
    const target = to.addresses;
    for (let i = 0; i < ADDRESS_WORDS; i++) {
      addresses[word + i] = target[i]!;
    }
    return length;
  }

  private sender(addresses: Uint32Array, word: number, socket: number): Side<User> | undefined {
    const { last } = this;
    if (last !== undefined && isBoundTo(last, addresses, word, socket)) {
      return last;
    }
    this.last = this.bindings.find(addresses, word, socket);
    return this.last;
  }

  /** Writes the answer to a bind in place; returns its length or NO_REPLY. */
  private bind(incoming: Incoming, now: number): number {
    const { counts } = this;
    const { payload, at, batch, slot, family, socket } = incoming;
    if (!this.options.admission.charge(batch, slot, family, now)) {
      counts.bindsLimited++;
      return NO_REPLY;
    }
    const side = this.allocations.find(readBindId(payload, at));
    const isHere =
      side !== undefined && side.allocation.port === this.portOf[socket] && incoming.port !== 0;
    if (!isHere || !hasBindMac(payload, at, side.key)) {
      counts.bindsForged++;
      return NO_REPLY;
    }
    const counter = readBindCounter(payload, at);
    if (counter <= side.counter) {
      counts.bindsRepeated++;
      return NO_REPLY;
    }
    side.counter = counter;
    if (!BINDS.has(side.bindsFullAt, now)) {
      counts.bindsExcessive++;
      return NO_REPLY;
    }
    side.bindsFullAt = BINDS.take(side.bindsFullAt, now);
    if (isBoundTo(side, incoming.addressWords, incoming.addressWord, socket)) {
      side.path!.hear(incoming.addressWords, incoming.addressWord, socket, now);
    } else if (this.cookies.acceptsToken(payload, at + BIND_OFFSET.token, side.id, incoming, now)) {
      this.move(side, incoming, now);
    } else {
      counts.challenged++;
      writeBound(payload, at, side.id, counter, BINDING.challenged);
      payload.set(this.cookies.token(side.id, incoming, now), at + BIND_OFFSET.token);
      writeBindMac(payload, at, side.key);
      return BIND_LENGTH;
    }
    counts.bound++;
    writeBound(payload, at, side.id, counter, stateOf(side));
    writeBindMac(payload, at, side.key);
    return BIND_LENGTH;
  }

  /** The client of a side has proven another source; if that connects the pair, the other side is notified. */
  private move(side: Side<User>, incoming: Incoming, now: number): void {
    if (side.path !== undefined) {
      this.counts.moved++;
    }
    const wasBound = side.path !== undefined;
    this.bindings.bind(side, incoming.path(now));
    const { other } = side;
    if (!wasBound && other.path !== undefined) {
      writeBound(this.message, 0, other.id, other.counter, BINDING.connected);
      writeBindMac(this.message, 0, other.key);
      this.outbox.send(other.path, this.message, 0, BIND_LENGTH);
    }
  }
}

function stateOf<User>({ other }: Side<User>): BindingState {
  return other.path === undefined ? BINDING.bound : BINDING.connected;
}

/** A rate in bits per second as a bucket of bytes. */
function byteRate(bits: number): CellRate {
  const rate = bits / BITS_PER_BYTE;
  return new CellRate({ rate, burst: Math.max(MIN_BURST_BYTES, BURST_SECONDS * rate) });
}
