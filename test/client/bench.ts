import { RequestSchedule } from '../../src/client/classic/request-schedule.js';
import type { Answer } from '../../src/client/finder.js';
import type { NatBehaviour } from '../../src/client/paths/nat-behaviour.js';
import { PeerBook } from '../../src/client/peer-book.js';
import { type Endpoint, parseEndpoint } from '../../src/wire/endpoint.js';
import { formatPublicKey, publicKey } from '../../src/wire/key.js';
import type { Intent } from '../../src/wire/probe.js';
import type { Device, Peer, PeerConfig } from '../../src/wireguard/device.js';

/** Milliseconds since the epoch when a bench's clock stands at 0. */
export const WALL = 1_700_000_000_000;
/** Greater than the keys of the peers: this side starts handshakes. */
export const MINE = publicKey(new Uint8Array(32).fill(9));
export const P = publicKey(new Uint8Array(32).fill(2));
export const Q = publicKey(new Uint8Array(32).fill(3));
export const X = parseEndpoint('198.51.100.2:51820');
export const Y = parseEndpoint('198.51.100.3:51820');

/** P as the interface shows it, new but for the given fields. */
export function peer(fields: Partial<Peer> = {}): Peer {
  return {
    publicKey: P,
    endpoint: undefined,
    allowedIps: ['10.0.0.2/32'],
    latestHandshakeMs: 0,
    receivedBytes: 0,
    sentBytes: 0,
    persistentKeepalive: 0,
    ...fields,
  };
}

/** The fields of a peer whose last handshake was at a time of the bench's clock. */
export const handshakeAt = (ms: number) => ({ latestHandshakeMs: WALL + ms });

/** The client's decisions on a fake clock, beside an interface whose state the test sets. */
export class Bench {
  now = 0;
  readonly book: PeerBook;
  readonly schedule: RequestSchedule;
  /** When the client looked itself up, and what it is answered; undefined for no reply. */
  readonly checks: number[] = [];
  seenAt: Endpoint | 'unknown' | undefined = parseEndpoint('203.0.113.9:51820');
  device: Device = { publicKey: MINE, listenPort: 51820, fwmark: 0, peers: [peer()] };

  constructor(
    options: {
      keepalive?: number;
      only?: ReadonlySet<string>;
      replace?: boolean;
      refreshMs?: number;
      isSecret?: () => boolean;
      isSimultaneous?: () => boolean;
      roundTripMs?: () => number;
      servers?: () => readonly Endpoint[];
      natBehaviour?: () => NatBehaviour;
      outside?: () => readonly string[];
    } = {},
  ) {
    this.book = new PeerBook({ keepalive: 25, ...options });
    this.schedule = new RequestSchedule(this.book.peers, options.refreshMs);
  }

  at(now: number): this {
    this.now = now;
    return this;
  }

  peers(...peers: Peer[]): this {
    this.device = { ...this.device, peers };
    return this;
  }

  /** Reads the interface; returns the changes to make. */
  read(): PeerConfig[] {
    const changes = this.book.read(this.device, this.now, WALL + this.now);
    this.schedule.useKey(this.device.publicKey);
    return changes;
  }

  /** Reads the interface; returns the endpoints to set. */
  endpointsSet(): (Endpoint | undefined)[] {
    return this.read().map(({ endpoint }) => endpoint);
  }

  /** Asks when it is time to; returns the base64 key of the peer asked about. */
  ask(): string | undefined {
    const request = this.schedule.next(this.now);
    return request && formatPublicKey(request.theirs);
  }

  /** The server answers; a peer that it knows sends its probe at the same moment. */
  answer(value: Endpoint | 'unknown'): this {
    this.schedule.replied(value, this.now);
    return value === 'unknown' ? this : this.probe(value);
  }

  /** A request of every peer that may be there arrives. */
  probe(from: Endpoint, intent: Intent = 'waiting'): this {
    for (const key of this.book.peers.keys()) {
      this.book.heard(key, { from, intent, transaction: this.now }, this.now);
    }
    return this;
  }

  /** Reads the interface, asks, and is answered after so many milliseconds. */
  learn(value: Endpoint | 'unknown', roundTripMs = 0): this {
    this.read();
    this.ask();
    return this.at(this.now + roundTripMs).answer(value);
  }

  /** Hears of a peer's candidates, by whatever way. */
  told(answer: Answer, key = P): this {
    this.book.peers.get(formatPublicKey(key))?.answered(answer);
    return this;
  }

  /** Lets time pass, asking whenever it is time to; returns when it asked about peers. */
  askedUntil(end: number, reply?: (theirs: string) => Endpoint | 'unknown' | undefined): number[] {
    const times: number[] = [];
    for (; this.now <= end; this.now += 10) {
      const theirs = this.ask();
      if (theirs === formatPublicKey(MINE)) {
        this.checks.push(this.now);
        if (this.seenAt !== undefined) {
          this.schedule.replied(this.seenAt, this.now);
        }
      } else if (theirs !== undefined) {
        times.push(this.now);
        const answer = reply?.(theirs);
        if (answer !== undefined) {
          this.answer(answer);
        }
      }
    }
    return times;
  }

  /** The state of the first peer. */
  state(): string | undefined {
    return this.book.views(this.now)[0]?.state;
  }
}
