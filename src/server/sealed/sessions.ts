import type { TransportKeys } from '../../sealed/handshake.js';
import { Transport } from '../../sealed/transport.js';
import type { Client } from './client.js';
import type { Path } from './path.js';
import { Session } from './session.js';

/** A session is to be confirmed by data within this time. */
export const CONFIRM_MS = 10_000;

/** How long a session is still accepted when another has taken over. */
export const OVERLAP_MS = 10_000;

/** How long a session lasts. */
export const SESSION_MS = 900_000;

/** All sessions, by the numbers that clients name them by; each client has three at most. */
export class Sessions {
  private readonly byNumber = new Map<number, Session>();

  /** @param randomNumber 32 bits, unpredictable */
  constructor(private readonly randomNumber: () => number) {}

  get size(): number {
    return this.byNumber.size;
  }

  /** The session with a number that has not ended at `now` (ms). */
  find(number: number, now: number): Session | undefined {
    const session = this.byNumber.get(number | 0);
    return session !== undefined && session.endsAt > now ? session : undefined;
  }

  /** Makes the session that is to be confirmed; one that was waiting for it before ends. */
  open(client: Client, theirs: number, keys: TransportKeys, origin: Path, now: number): Session {
    if (client.next !== undefined) {
      this.remove(client.next);
    }
    const transport = new Transport(keys);
    const number = this.freeNumber();
    client.next = new Session(client, number, theirs, transport, origin, now + CONFIRM_MS);
    this.byNumber.set(number, client.next);
    return client.next;
  }

  /** The client has shown that it holds the keys of its next session, which takes over. */
  confirm(session: Session, now: number): void {
    const { client } = session;
    if (client.previous !== undefined) {
      this.remove(client.previous);
    }
    client.previous = client.current;
    if (client.previous !== undefined) {
      client.previous.endsAt = Math.min(client.previous.endsAt, now + OVERLAP_MS);
    }
    session.endsAt += SESSION_MS - CONFIRM_MS;
    client.current = session;
    client.next = undefined;
    client.sessionNumber++;
  }

  /** Ends the client's sessions whose time is over at `now` (ms), or all of them. */
  end(client: Client, now = Number.POSITIVE_INFINITY): void {
    for (const role of ['previous', 'current', 'next'] as const) {
      const session = client[role];
      if (session !== undefined && session.endsAt <= now) {
        this.remove(session);
        client[role] = undefined;
      }
    }
  }

  private remove(session: Session): void {
    this.byNumber.delete(session.number);
    session.transport.wipe();
  }

  /** Signed, as V8 keeps such numbers without an object; what names it on the wire are the same 32 bits. */
  private freeNumber(): number {
    let number: number;
    do {
      number = this.randomNumber() | 0;
    } while (this.byNumber.has(number));
    return number;
  }
}
