import { KEY_LENGTH, type PublicKey } from '../../wire/key.js';
import { FRAME, maxItems } from '../../wire/sealed-frames.js';
import { type Flight, Flights } from './flights.js';
import { DROPS_IN_FLIGHT, NOT_KEPT_RETRY_MS, WANTS_IN_FLIGHT } from './timing.js';

const KEYS_PER_DATAGRAM = maxItems(KEY_LENGTH);

/**
 * What is meant of a peer that the server may have on our list. `returning`: wanted again, but the server
 * has to say first that it is off the list, else a late answer to the first wish would pass for one to this.
 */
type Intent = 'wanted' | 'leaving' | 'returning';

interface Wish {
  readonly key: PublicKey;
  intent: Intent;
  /** Said in this session: the server may have it. */
  uttered: boolean;
  /** Server messages up to this counter answer an earlier wish. */
  answeredAfter: number;
}

/** A list of keys to send. */
export interface WishList {
  readonly kind: typeof FRAME.want | typeof FRAME.drop;
  readonly keys: readonly PublicKey[];
  readonly flight: Flight;
}

/** Whom we want to meet, and how much of that the server knows in the present session. Pure. */
export class Wishes {
  readonly #wishes = new Map<string, Wish>();
  readonly #toWant = new Set<string>();
  readonly #toDrop = new Set<string>();
  /** Those that the server does not keep, for want of room, and when they are said again. */
  readonly #notKept = new Set<string>();
  #notKeptAt = Number.POSITIVE_INFINITY;
  readonly #wants = new Flights(WANTS_IN_FLIGHT);
  readonly #drops = new Flights(DROPS_IN_FLIGHT);

  /** Whether there is a wish for the peer with this name, a key in base64. */
  has(name: string): boolean {
    const intent = this.#wishes.get(name)?.intent;
    return intent === 'wanted' || intent === 'returning';
  }

  get size(): number {
    return this.#wishes.size;
  }

  /** Whether the server has answered for every wish and every withdrawal. */
  get isSettled(): boolean {
    return this.nextAt === Number.POSITIVE_INFINITY;
  }

  /** From now on these peers are wanted, and no others. */
  want(peers: ReadonlyMap<string, { readonly publicKey: PublicKey }>): void {
    for (const [name, { publicKey }] of peers) {
      this.#enter(name, publicKey);
    }
    for (const [name, wish] of this.#wishes) {
      if (!peers.has(name) && wish.intent !== 'leaving') {
        this.#leave(name, wish);
      }
    }
  }

  /** A new session: every wish is to be said again, and what is not said is withdrawn thereby. */
  restart(): void {
    this.#wants.clear();
    this.#drops.clear();
    this.#toWant.clear();
    this.#toDrop.clear();
    this.#forgetNotKept();
    for (const [name, wish] of this.#wishes) {
      if (wish.intent === 'leaving') {
        this.#wishes.delete(name);
      } else {
        Object.assign(wish, { intent: 'wanted', uttered: false, answeredAfter: -1 });
        this.#toWant.add(name);
      }
    }
  }

  /** The list to send now, if any; its flight is to be told when it was sent. */
  next(now: number): WishList | undefined {
    if (now >= this.#notKeptAt) {
      this.#repeatNotKept();
    }
    const drop = pick(this.#drops, this.#toDrop, now);
    if (drop !== undefined) {
      return { kind: FRAME.drop, keys: this.#keysOf(drop), flight: drop };
    }
    const want = pick(this.#wants, this.#toWant, now);
    return want && { kind: FRAME.want, keys: this.#keysOf(want), flight: want };
  }

  /** When there is a list to send, if nothing happens before. */
  get nextAt(): number {
    const queued =
      (this.#toWant.size > 0 && this.#wants.hasRoom) ||
      (this.#toDrop.size > 0 && this.#drops.hasRoom);
    return queued
      ? Number.NEGATIVE_INFINITY
      : Math.min(this.#wants.nextAt, this.#drops.nextAt, this.#notKeptAt);
  }

  /**
   * The server spoke of a wanted peer, in answer to a wish, in its message with that counter.
   * @param notKept there was no room for the wish
   */
  answered(name: string, counter: number, notKept: boolean, now: number): void {
    const wish = this.#wishes.get(name);
    if (wish?.intent !== 'wanted' || counter <= wish.answeredAfter) {
      return;
    }
    const wasUnderWay = this.#wants.land(name);
    if (notKept && wasUnderWay) {
      this.#notKept.add(name);
      this.#notKeptAt = Math.min(this.#notKeptAt, now + NOT_KEPT_RETRY_MS);
    }
  }

  /** The server acknowledged our message `counter` in its message `serverCounter`. */
  acknowledged(counter: number, serverCounter: number): void {
    const dropped = this.#drops.landAll(counter);
    if (dropped.length > 0) {
      this.#repeatNotKept();
    }
    for (const name of dropped) {
      const wish = this.#wishes.get(name);
      if (wish?.intent === 'returning') {
        Object.assign(wish, { intent: 'wanted', uttered: false, answeredAfter: serverCounter });
        this.#toWant.add(name);
      } else {
        this.#wishes.delete(name);
      }
    }
  }

  /** We are heard from another place now: what is unanswered is said from there at once. */
  hurry(): void {
    this.#wants.hurry();
    this.#drops.hurry();
  }

  #enter(name: string, key: PublicKey): void {
    const wish = this.#wishes.get(name);
    if (wish === undefined) {
      this.#wishes.set(name, { key, intent: 'wanted', uttered: false, answeredAfter: -1 });
      this.#toWant.add(name);
    } else if (wish.intent === 'leaving') {
      wish.intent = 'returning';
      if (this.#toDrop.delete(name)) {
        wish.intent = 'wanted';
        this.#toWant.add(name);
      }
    }
  }

  #leave(name: string, wish: Wish): void {
    this.#toWant.delete(name);
    this.#notKept.delete(name);
    this.#wants.land(name);
    if (wish.intent === 'wanted' && !wish.uttered) {
      this.#wishes.delete(name);
    } else if (wish.intent === 'wanted') {
      this.#toDrop.add(name);
    }
    wish.intent = 'leaving';
  }

  /** There may be room now. */
  #repeatNotKept(): void {
    for (const name of this.#notKept) {
      this.#toWant.add(name);
    }
    this.#forgetNotKept();
  }

  #forgetNotKept(): void {
    this.#notKept.clear();
    this.#notKeptAt = Number.POSITIVE_INFINITY;
  }

  #keysOf({ names }: Flight): PublicKey[] {
    return [...names].flatMap((name) => {
      const wish = this.#wishes.get(name);
      if (wish === undefined) {
        return [];
      }
      wish.uttered = true;
      return [wish.key];
    });
  }
}

function pick(flights: Flights, queue: Set<string>, now: number): Flight | undefined {
  const due = flights.due(now);
  return (
    due ?? (queue.size > 0 && flights.hasRoom ? flights.launch(queue, KEYS_PER_DATAGRAM) : due)
  );
}
