import { Admission } from '../../src/limits/admission.js';
import { RateLimiter } from '../../src/limits/rate-limiter.js';
import { ClassicHandler } from '../../src/server/classic/classic-handler.js';
import { EndpointTable } from '../../src/server/classic/endpoint-table.js';
import { Dispatcher } from '../../src/server/dispatcher.js';
import { SourceMonitor } from '../../src/server/source-monitor.js';
import {
  CLASSIC_REQUEST_LENGTH,
  type ClassicAnswer,
  decodeClassicReply,
} from '../../src/wire/classic.js';
import type { Family } from '../../src/wire/endpoint.js';
import { batchOf, type Incoming, replyIn, request } from './requests.js';

export interface RendezvousOptions {
  readonly maxPeers?: number;
  readonly ttlMs?: number;
  readonly rate?: number;
  readonly burst?: number;
  readonly share?: number;
}

/** The pure part of a classic server on a fake clock. */
export class Rendezvous {
  now = 0;
  readonly table: EndpointTable;
  readonly handler: ClassicHandler;
  readonly admission: Admission;
  private readonly dispatcher: Dispatcher;

  constructor(options: RendezvousOptions = {}) {
    const { maxPeers = 1000, ttlMs = 180_000, rate = 0, burst = 1, share = 0.5 } = options;
    this.table = new EndpointTable({
      maxPeers,
      ttlMs,
      share,
      hashKey: { low: 1, high: 2 },
    });
    this.handler = new ClassicHandler(this.table, new SourceMonitor());
    this.admission = new Admission({
      limiter: new RateLimiter({ rate, burst }),
      hashKey: { low: 3, high: 4 },
      minLength: CLASSIC_REQUEST_LENGTH,
      maxLength: CLASSIC_REQUEST_LENGTH,
    });
    this.dispatcher = new Dispatcher(this.admission, this.handler, undefined);
  }

  /** The counts of both stages. */
  get counts() {
    const { counts } = this.handler;
    const { malformed, limited } = this.admission.counts;
    return { ...counts, malformed: counts.malformed + malformed, limited };
  }

  /** The reply to each datagram; undefined if there is none. */
  deliver(datagrams: readonly Incoming[], family: Family = 4): (Uint8Array | undefined)[] {
    const batch = batchOf(datagrams);
    this.dispatcher.answer(batch, datagrams.length, family, 0, this.now);
    return datagrams.map((_, slot) => replyIn(batch, slot));
  }

  /** Sends one request; 'silence' when it is not answered. */
  ask(from: string, mine: number, theirs: number, port?: number): ClassicAnswer | 'silence' {
    const family = from.includes(':') ? 6 : 4;
    const [reply] = this.deliver([request(from, mine, theirs, port)], family);
    if (reply === undefined) {
      return 'silence';
    }
    const answer = decodeClassicReply(reply, family);
    if (answer === undefined) {
      throw new Error(`no reply of the protocol: ${reply.length} bytes`);
    }
    return answer;
  }

  /** Lets time pass as the service does: expiry is stepped every 50 ms. */
  wait(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now = Math.min(this.now + 50, end);
      this.table.expireDue(this.now);
    }
  }
}
