import { Admission } from '../../../src/limits/admission.js';
import { RateLimiter } from '../../../src/limits/rate-limiter.js';
import { generateKeyPair, type KeyPair } from '../../../src/sealed/key-pair.js';
import { ClassicHandler } from '../../../src/server/classic/classic-handler.js';
import { EndpointTable } from '../../../src/server/classic/endpoint-table.js';
import { Dispatcher } from '../../../src/server/dispatcher.js';
import {
  SealedHandler,
  type SealedHandlerOptions,
} from '../../../src/server/sealed/sealed-handler.js';
import { SourceMonitor } from '../../../src/server/source-monitor.js';
import { ADDRESS_WORDS, createDatagramBatch } from '../../../src/socket/datagram-batch.js';
import {
  addressFamily,
  endpoint,
  formatAddress,
  formatEndpoint,
} from '../../../src/wire/endpoint.js';
import { MAX_MESSAGE_LENGTH, MIN_DATA_LENGTH } from '../../../src/wire/sealed.js';
import { batchOf, type Incoming, replyIn } from '../requests.js';

const STRIDE = 1280;
const CAPACITY = 128;
const TICK_MS = 50;
const SOURCE_KEY = { low: 3, high: 4 };

/** A datagram that the server sent: to `ADDRESS:PORT`. */
export interface Sent {
  readonly to: string;
  readonly payload: Uint8Array;
}

/** The pure part of a server that speaks both protocols, on a fake clock. */
export class SealedRendezvous {
  now = 1_000_000;
  readonly key: KeyPair;
  readonly handler: SealedHandler;
  readonly classic: ClassicHandler;
  readonly admission: Admission;
  private readonly dispatcher: Dispatcher;
  readonly table: EndpointTable;
  /** Every datagram in either direction. */
  readonly captured: Uint8Array[] = [];
  /** What the server sent of its own accord, taken out by takeSent(). */
  private sent: Sent[] = [];
  /** Indices of sessions follow from it. */
  nextNumber = 1;
  /** What a handshake takes. */
  handshakeCostMs = 0;

  constructor(options: Partial<SealedHandlerOptions> & { rate?: number; burst?: number } = {}) {
    this.key = options.key ?? generateKeyPair();
    const sources = new SourceMonitor();
    const { rate = 0, burst = 1 } = options;
    this.admission = new Admission({
      limiter: new RateLimiter({ rate, burst }),
      hashKey: SOURCE_KEY,
      minLength: MIN_DATA_LENGTH,
      maxLength: MAX_MESSAGE_LENGTH,
    });
    this.handler = new SealedHandler(
      {
        key: this.key,
        only: false,
        allow: undefined,
        maxClients: 1000,
        ttlMs: 180_000,
        maxWanted: 4096,
        handshakeRate: 0,
        clientRate: 0,
        sourceShare: 0.5,
        admission: this.admission,
        sources,
        hashKey: SOURCE_KEY,
        ...options,
      },
      {
        clock: () => this.readClock(),
        wallClock: () => this.now + 1_700_000_000_000,
        randomNumber: () => Math.imul(this.nextNumber++, 0x9e3779b1),
      },
    );
    this.table = new EndpointTable({
      maxPeers: 1000,
      ttlMs: 180_000,
      share: 0.5,
      hashKey: { low: 1, high: 2 },
    });
    this.classic = new ClassicHandler(this.table, sources);
    const classic = options.only === true ? undefined : this.classic;
    this.dispatcher = new Dispatcher(this.admission, classic, this.handler);
    for (const family of [4, 6] as const) {
      this.addSocket(family);
    }
  }

  /** The reply in place to each datagram of one batch; undefined if there is none. */
  deliver(datagrams: readonly Incoming[]): (Uint8Array | undefined)[] {
    const family = addressFamily(datagrams[0]!.from)!;
    const batch = batchOf(datagrams, STRIDE, CAPACITY);
    const count = datagrams.length;
    this.captured.push(...datagrams.map(({ payload }) => payload));
    this.dispatcher.answer(batch, count, family, family === 4 ? 0 : 1, this.now);
    const replies = datagrams.map((_, slot) => replyIn(batch, slot));
    this.captured.push(...replies.filter((reply) => reply !== undefined));
    return replies;
  }

  /** The reply in place to one datagram. */
  ask(from: string, port: number, payload: Uint8Array): Uint8Array | undefined {
    return this.deliver([{ from, port, payload }])[0];
  }

  /** Takes out what was sent beside replies in place: to one, or to all. */
  takeSent(to?: string): Sent[] {
    const taken = this.sent.filter((it) => to === undefined || it.to === to);
    this.sent = this.sent.filter((it) => !taken.includes(it));
    return taken;
  }

  /** Lets time pass as the service does. */
  wait(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now = Math.min(this.now + TICK_MS, end);
      this.handler.tick(this.now);
    }
  }

  private addSocket(family: 4 | 6): void {
    const outgoing = createDatagramBatch(CAPACITY, STRIDE);
    const flush = (count: number): number => {
      for (let slot = 0; slot < count; slot++) {
        const at = slot * ADDRESS_WORDS;
        const bytes = new Uint8Array(outgoing.addresses.buffer, at * 4, family === 4 ? 4 : 16);
        const to = formatEndpoint(endpoint(formatAddress(bytes), outgoing.addresses[at + 4]!));
        const payload = replyIn(outgoing, slot)!;
        this.sent.push({ to, payload });
        this.captured.push(payload);
      }
      return count;
    };
    this.handler.addSocket({ outgoing, flush });
  }

  /** Read at the beginning and at the end of a handshake: each look is as long after the one before. */
  private readClock(): number {
    this.costs += this.handshakeCostMs;
    return this.now + this.costs;
  }

  private costs = 0;
}
