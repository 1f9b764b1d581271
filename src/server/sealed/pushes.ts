/** How long after each sending of a push the next one follows; with the last, it is given up. */
const RETRY_MS = [300, 600, 1200, 2400, 2400] as const;

/** Messages on their way to a client, at most: what else there is to tell it waits, and is told as it is then. */
const MAX_IN_FLIGHT = 64;

/** One message of entries that is to be acknowledged. */
export interface Push {
  /** Names it in the rows of its wishes; never 0. */
  readonly number: number;
  readonly wishes: readonly number[];
  /** How often its entries were sent before. */
  readonly attempt: number;
  readonly dueAt: number;
}

/**
 * What a client is still to be told, and what it was told without having acknowledged it. A wish is in
 * one of both at most: what changes while a push is under way follows it, so that there is one in flight
 * for each peer, however often it moves.
 */
export class Pushes {
  /** Wishes about whose peers there is news, in order. */
  readonly news = new Set<number>();
  /** By the counter of the message in the current session. */
  private readonly inFlight = new Map<number, Push>();
  /** Nothing was acknowledged for long: nothing is sent until the client is heard. */
  isWaiting = false;

  /** Pushes that are neither acknowledged nor given up. */
  get size(): number {
    return this.inFlight.size;
  }

  /** Whether there is something to be sent that may be sent now. */
  get isReady(): boolean {
    return this.news.size > 0 && !this.isWaiting && this.inFlight.size < MAX_IN_FLIGHT;
  }

  /** When the first of them is due, in ms. */
  get dueAt(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { dueAt } of this.inFlight.values()) {
      first = Math.min(first, dueAt);
    }
    return first;
  }

  /** A push left, as the message with that counter. Returns when it is due, in ms. */
  sent(
    counter: number,
    number: number,
    wishes: readonly number[],
    attempt: number,
    now: number,
  ): number {
    const dueAt = now + RETRY_MS[attempt]!;
    this.inFlight.set(counter, { number, wishes, attempt, dueAt });
    return dueAt;
  }

  /** The push that a counter acknowledges, which is done with; undefined for any other counter. */
  acknowledge(counter: number): Push | undefined {
    const push = this.inFlight.get(counter);
    this.inFlight.delete(counter);
    return push;
  }

  /** Takes out what has waited for long enough, or all. */
  takeDue(now = Number.POSITIVE_INFINITY): Push[] {
    const due: Push[] = [];
    for (const [counter, push] of this.inFlight) {
      if (push.dueAt <= now) {
        due.push(push);
        this.inFlight.delete(counter);
      }
    }
    return due;
  }
}

/** Whether a push that was sent so often before has been sent for the last time. */
export function isLastAttempt(attempt: number): boolean {
  return attempt + 1 >= RETRY_MS.length;
}
