import type { Family } from '../../wire/endpoint.js';
import { COUNTER_LENGTH, FRAME } from '../../wire/sealed-frames.js';
import { FrameSender, type Send } from './frame-sender.js';
import { Flight } from './in-flight.js';
import type { Offers } from './offers.js';
import type { Paths } from './paths.js';
import type { Session } from './session.js';
import { UNANSWERED_SENDS } from './timing.js';
import type { WantList } from './want-list.js';

/** What is said now: all that is due, or what others wait for. */
export type Urgency = 'all' | 'urgent';

/** Says in a session what is to be said: acknowledgements, the want list, offers, pings, goodbye. */
export class Speaker {
  readonly #sender: FrameSender;
  readonly #paths: Paths;
  readonly #wantList: WantList;
  readonly #offers: Offers;
  /** Counters of pushes that are to be acknowledged. */
  #toAcknowledge: number[] = [];
  #bye: Flight | undefined;
  #isDone = false;

  constructor(send: Send, paths: Paths, wantList: WantList, offers: Offers) {
    this.#sender = new FrameSender(send, paths);
    this.#paths = paths;
    this.#wantList = wantList;
    this.#offers = offers;
  }

  /** Whether the server has acknowledged our goodbye. */
  get isDone(): boolean {
    return this.#isDone;
  }

  get isLeaving(): boolean {
    return this.#bye !== undefined;
  }

  /** Whether a notice says that the session to which we said goodbye is no more. */
  isForgotten({ refusedCounter }: Session): boolean {
    return refusedCounter !== undefined && (this.#bye?.wasSentAs(refusedCounter) ?? false);
  }

  /** A new session: what was to be acknowledged belongs to the old one. */
  restart(): void {
    this.#toAcknowledge = [];
  }

  /** From now on nothing is said but goodbye. */
  leave(): void {
    this.#bye ??= new Flight();
  }

  /** A push came, as the message with that counter. */
  acknowledge(counter: number): void {
    this.#toAcknowledge.push(counter);
  }

  /** The server acknowledged our message with that counter. */
  acknowledged(counter: number): void {
    this.#isDone ||= this.#bye?.wasSentAs(counter) ?? false;
  }

  /** Proves that we are where a challenge arrived. */
  prove(session: Session, family: Family, token: Uint8Array, now: number): void {
    this.#paths.challenged(family);
    this.#sender.writer.token(FRAME.prove, token);
    this.#sender.send(session, [family], now);
  }

  /**
   * Says what is due. `unanswered`: much was said and nothing answered, and the session is silent from now
   * on until something is heard in it.
   * @param what `urgent` leaves out offers, which cost time to seal and help nobody to connect
   */
  speak(session: Session | undefined, now: number, what: Urgency): 'unanswered' | undefined {
    if (session === undefined || session.isStalled || this.#paths.isEmpty) {
      return undefined;
    }
    this.#sendAcknowledgements(session, now);
    if (this.#bye !== undefined) {
      this.#sayBye(session, this.#bye, now);
      return undefined;
    }
    const isAnswered =
      this.#sendWantList(session, now) &&
      this.#ping(session, now) &&
      (what === 'urgent' || this.#sayOffers(session, now));
    session.isStalled = !isAnswered;
    return isAnswered ? undefined : 'unanswered';
  }

  /** When there is something to say, if nothing happens before. */
  get nextAt(): number {
    return (
      this.#bye?.dueAt ??
      Math.min(this.#wantList.nextAt, this.#offers.nextAt, this.#paths.nextPingAt)
    );
  }

  #sendAcknowledgements(session: Session, now: number): void {
    const { writer } = this.#sender;
    while (this.#toAcknowledge.length > 0) {
      writer.begin(FRAME.ack);
      while (this.#toAcknowledge.length > 0 && writer.fits(COUNTER_LENGTH)) {
        writer.addCounter(this.#toAcknowledge.shift() as number);
      }
      this.#sender.send(session, this.#paths.order(0), now);
    }
  }

  #sayBye(session: Session, bye: Flight, now: number): void {
    if (bye.dueAt <= now && !this.#isDone) {
      this.#sender.writer.plain(FRAME.bye);
      this.#send(session, bye, now);
    }
  }

  #sendWantList(session: Session, now: number): boolean {
    const { writer } = this.#sender;
    return this.#say(this.#wantList, session, now, ({ version, part, parts, keys }) => {
      writer.beginWant(version, part, parts);
      for (const key of keys) {
        writer.addKey(key);
      }
    });
  }

  #sayOffers(session: Session, now: number): boolean {
    const { writer } = this.#sender;
    return this.#say(this.#offers, session, now, ({ offers }) => {
      writer.begin(FRAME.offer);
      for (const { key, offer } of offers) {
        writer.addOffer(key, offer);
      }
    });
  }

  /** Sends all lists that are due; false when one of them was unanswered for too long. */
  #say<List extends { readonly flight: Flight }>(
    source: { next(now: number): List | undefined },
    session: Session,
    now: number,
    write: (list: List) => void,
  ): boolean {
    for (let list = source.next(now); list; list = source.next(now)) {
      if (isUnanswered(list.flight, session)) {
        return false;
      }
      write(list);
      this.#send(session, list.flight, now);
    }
    return true;
  }

  #ping(session: Session, now: number): boolean {
    for (let due = this.#paths.pingDue(now); due; due = this.#paths.pingDue(now)) {
      const { family, ping } = due;
      if (ping.sends < UNANSWERED_SENDS) {
        this.#sender.writer.plain(FRAME.ping);
        ping.sent(this.#sender.send(session, [family], now), now);
      } else if (this.#paths.givePingUp(family, now)) {
        return false;
      }
    }
    return true;
  }

  #send(session: Session, flight: Flight, now: number): void {
    flight.sent(this.#sender.send(session, this.#paths.order(flight.sends), now), now);
  }
}

/** Whether it was sent often enough, and nothing at all was heard since it was first. */
function isUnanswered(flight: Flight, session: Session): boolean {
  return flight.sends >= UNANSWERED_SENDS && session.heardAt <= flight.firstSentAt;
}
