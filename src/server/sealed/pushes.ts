/** How long after each sending of a push the next one follows; with the last, it is given up. */
const RETRY_MS = [300, 600, 1200, 2400, 2400] as const;

/** Pushes in flight to one client; further updates wait and are sent with their latest state. */
const MAX_IN_FLIGHT = 64;

/** One message of entries that is to be acknowledged. */
export interface Push<Want> {
  readonly wants: readonly Want[];
  /** How often its entries were sent before. */
  readonly attempt: number;
  readonly dueAt: number;
}

/**
 * The updates of a client: those that wait, and those in flight. A want is in one of both at most: what
 * changes while a push is in flight follows it, so that there is one for each peer, however often it
 * moves.
 */
export class Pushes<Want> {
  /** Wants with updates about their peers, in order. */
  readonly updates = new Set<Want>();
  /** By the counter of the message in the current session. */
  private readonly inFlight = new Map<number, Push<Want>>();
  /** A push was given up: nothing is sent until the client is heard. */
  isWaiting = false;

  /** Whether there is an update that may be sent now. */
  get isReady(): boolean {
    return this.updates.size > 0 && !this.isWaiting && this.inFlight.size < MAX_IN_FLIGHT;
  }

  /** When the first push in flight is due, in ms; infinite when there is none. */
  get dueAt(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { dueAt } of this.inFlight.values()) {
      first = Math.min(first, dueAt);
    }
    return first;
  }

  /** A push of these wants was sent as the message with that counter. */
  sent(counter: number, wants: readonly Want[], attempt: number, now: number): Push<Want> {
    const push = { wants, attempt, dueAt: now + RETRY_MS[attempt]! };
    this.inFlight.set(counter, push);
    return push;
  }

  /** Takes out the push that a counter acknowledges; undefined for any other counter. */
  acknowledge(counter: number): Push<Want> | undefined {
    const push = this.inFlight.get(counter);
    this.inFlight.delete(counter);
    return push;
  }

  /** Takes out the pushes that are due at `now`, or all. */
  takeDue(now = Number.POSITIVE_INFINITY): Push<Want>[] {
    const due: Push<Want>[] = [];
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
