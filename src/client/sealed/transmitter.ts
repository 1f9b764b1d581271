import type { Family } from '../../wire/endpoint.js';
import { MAX_MESSAGE_LENGTH } from '../../wire/sealed.js';
import { FrameWriter } from '../../wire/sealed-frame-writer.js';
import { COUNTER_LENGTH, FRAME } from '../../wire/sealed-frames.js';
import { Flight } from './in-flight.js';
import type { LocalCandidates } from './local-candidates.js';
import type { RelayAsks } from './relay-asks.js';
import type { ServerPaths } from './server-paths.js';
import type { ClientSession } from './session.js';
import type { WantList, WantPart } from './want-list.js';

/** After so many sends without any answer, the session may be dead on the other side. */
export const UNANSWERED_SENDS = 4;

/** Sends a message over a family; false when it cannot be sent there. The bytes are reused. */
export type Send = (family: Family, message: Uint8Array) => boolean;

/** What to send now: all that is due, or only what others wait for. */
export type Urgency = 'all' | 'urgent';

/** The first part of the want list, for an initiation. */
export interface FirstWant {
  /** A want frame. */
  readonly frame: Uint8Array;
  /** Of the list. */
  readonly version: number;
}

/** Sends a session's frames: acknowledgements, the want list, local candidates, pings, bye. */
export class Transmitter {
  readonly #send: Send;
  readonly #paths: ServerPaths;
  readonly #wantList: WantList;
  readonly #candidates: LocalCandidates;
  readonly #relayAsks: RelayAsks;
  /** Pings after which a silent session may be dead. */
  unansweredPings = UNANSWERED_SENDS;
  /** The frame to be sent next. */
  readonly #writer = new FrameWriter();
  readonly #message = new Uint8Array(MAX_MESSAGE_LENGTH);
  /** Counters of pushes that need an acknowledgement. */
  #toAcknowledge: number[] = [];
  #bye: Flight | undefined;
  #isByeAcknowledged = false;

  constructor(
    send: Send,
    paths: ServerPaths,
    wantList: WantList,
    candidates: LocalCandidates,
    relayAsks: RelayAsks,
  ) {
    this.#send = send;
    this.#paths = paths;
    this.#wantList = wantList;
    this.#candidates = candidates;
    this.#relayAsks = relayAsks;
  }

  get isByeAcknowledged(): boolean {
    return this.#isByeAcknowledged;
  }

  get isLeaving(): boolean {
    return this.#bye !== undefined;
  }

  /** Whether a notice refused our bye: the server does not have the session any more. */
  isByeRefused({ refusedCounter }: ClientSession): boolean {
    return refusedCounter !== undefined && (this.#bye?.wasSentAs(refusedCounter) ?? false);
  }

  /** A new session: acknowledgements belong to the old one, and so does a bye. */
  restart(): void {
    this.#toAcknowledge = [];
    if (this.isLeaving) {
      this.#bye = new Flight();
      this.#isByeAcknowledged = false;
    }
  }

  /** From now on sends nothing but bye. */
  leave(): void {
    this.#bye ??= new Flight();
  }

  /** A push arrived, as the message with that counter. */
  acknowledge(counter: number): void {
    this.#toAcknowledge.push(counter);
  }

  /** The server acknowledged our message with that counter. */
  acknowledged(counter: number): void {
    this.#isByeAcknowledged ||= this.#bye?.wasSentAs(counter) ?? false;
  }

  /** Answers a path challenge over the family in which it arrived. */
  respondToChallenge(session: ClientSession, family: Family, token: Uint8Array, now: number): void {
    this.#paths.challenged(family);
    this.#writer.token(FRAME.pathResponse, token);
    this.#seal(session, [family], now);
  }

  /**
   * Sends what is due. `unanswered`: nothing was answered for long; the session counts as stalled until
   * something arrives in it.
   * @param what `urgent` leaves out local candidates, which cost time to seal and help nobody to connect
   */
  transmit(
    session: ClientSession | undefined,
    now: number,
    what: Urgency,
  ): 'unanswered' | undefined {
    if (session === undefined || session.isStalled || this.#paths.isEmpty) {
      return undefined;
    }
    this.#sendAcknowledgements(session, now);
    if (this.#bye !== undefined) {
      this.#sendBye(session, this.#bye, now);
      return undefined;
    }
    const isAnswered =
      this.#sendWantList(session, now) &&
      this.#sendRelayAsks(session, now) &&
      this.#sendPings(session, now) &&
      (what === 'urgent' || this.#sendCandidates(session, now));
    session.isStalled = !isAnswered;
    return isAnswered ? undefined : 'unanswered';
  }

  /** When there is something to send; Infinity for never. */
  get nextAt(): number {
    if (this.#bye !== undefined) {
      return this.#isByeAcknowledged ? Number.POSITIVE_INFINITY : this.#bye.dueAt;
    }
    return Math.min(
      this.#wantList.nextAt,
      this.#candidates.nextAt,
      this.#paths.nextPingAt,
      this.#wantList.isComplete ? this.#relayAsks.nextAt : Number.POSITIVE_INFINITY,
    );
  }

  #sendAcknowledgements(session: ClientSession, now: number): void {
    while (this.#toAcknowledge.length > 0) {
      this.#writer.begin(FRAME.ack);
      while (this.#toAcknowledge.length > 0 && this.#writer.fits(COUNTER_LENGTH)) {
        this.#writer.addCounter(this.#toAcknowledge.shift() as number);
      }
      this.#seal(session, this.#paths.order(0), now);
    }
  }

  #sendBye(session: ClientSession, bye: Flight, now: number): void {
    if (bye.dueAt <= now && !this.#isByeAcknowledged) {
      this.#writer.plain(FRAME.bye);
      this.#launch(session, bye, now);
    }
  }

  #sendWantList(session: ClientSession, now: number): boolean {
    return this.#sendAll(this.#wantList, session, now, (part) => writeWant(this.#writer, part));
  }

  /** The first part of the want list as a frame, for an initiation. */
  firstWant(): FirstWant {
    const part = this.#wantList.firstPart;
    writeWant(this.#writer, part);
    return {
      frame: this.#writer.bytes.slice(0, this.#writer.length),
      version: part.version,
    };
  }

  /** Only once the server has the want list: it gives relays to wanted peers alone. */
  #sendRelayAsks(session: ClientSession, now: number): boolean {
    if (!this.#wantList.isComplete) {
      return true;
    }
    return this.#sendAll(this.#relayAsks, session, now, ({ publicKeys }) => {
      this.#writer.begin(FRAME.relay);
      for (const publicKey of publicKeys) {
        this.#writer.addKey(publicKey);
      }
    });
  }

  #sendCandidates(session: ClientSession, now: number): boolean {
    return this.#sendAll(this.#candidates, session, now, ({ items }) => {
      this.#writer.begin(FRAME.candidates);
      for (const { publicKey, sealed } of items) {
        this.#writer.addCandidates(publicKey, sealed);
      }
    });
  }

  /** Sends all datagrams of a source that are due; false when one of them is unanswered for too long. */
  #sendAll<Datagram extends { readonly flight: Flight }>(
    source: { next(now: number): Datagram | undefined },
    session: ClientSession,
    now: number,
    write: (datagram: Datagram) => void,
  ): boolean {
    for (let next = source.next(now); next; next = source.next(now)) {
      if (isUnanswered(next.flight, session)) {
        return false;
      }
      write(next);
      this.#launch(session, next.flight, now);
    }
    return true;
  }

  #sendPings(session: ClientSession, now: number): boolean {
    for (let due = this.#paths.pingDue(now); due; due = this.#paths.pingDue(now)) {
      const { family, ping } = due;
      if (ping.sends < this.unansweredPings) {
        this.#writer.plain(FRAME.ping);
        ping.sent(this.#seal(session, [family], now), now);
      } else if (this.#paths.givePingUp(family, now)) {
        return false;
      }
    }
    return true;
  }

  #launch(session: ClientSession, flight: Flight, now: number): void {
    flight.sent(this.#seal(session, this.#paths.order(flight.sends), now), now);
  }

  /**
   * Seals the frame and sends it over the first of the families that takes it. Where none does, or the
   * session is over, it counts as lost.
   * @returns the message's counter
   */
  #seal({ transport, terms }: ClientSession, families: readonly Family[], now: number): number {
    const { bytes, length } = this.#writer;
    const counter = transport.sealedCount;
    const sealed = transport.seal(terms.remoteIndex, bytes, length, this.#message, 0);
    const message = this.#message.subarray(0, Math.max(sealed, 0));
    const family = sealed < 0 ? undefined : families.find((one) => this.#send(one, message));
    if (family !== undefined) {
      this.#paths.sent(family, now);
    }
    return counter;
  }
}

function writeWant(writer: FrameWriter, { version, part, parts, publicKeys }: WantPart): void {
  writer.beginWant(version, part, parts);
  for (const publicKey of publicKeys) {
    writer.addKey(publicKey);
  }
}

/** Whether a datagram was sent often enough, and nothing at all arrived since the first time. */
function isUnanswered(flight: Flight, session: ClientSession): boolean {
  return flight.sends >= UNANSWERED_SENDS && session.heardAt <= flight.firstSentAt;
}
