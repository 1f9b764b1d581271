import type { TransportKeys } from '../../sealed/handshake.js';
import { Transport } from '../../sealed/transport.js';
import { type ClientRecord, ServerSession } from './client-record.js';
import { CONFIRM_MS, type ProvenPath } from './proven-path.js';

/** How long a session is accepted after another took over. */
export const OVERLAP_MS = 10_000;

/** The lifetime of a session. */
export const SESSION_MS = 900_000;

/** All sessions, by local index; each client has three at most. */
export class Sessions {
  private readonly byIndex = new Map<number, ServerSession>();

  /** @param randomNumber 32 bits, unpredictable */
  constructor(private readonly randomNumber: () => number) {}

  get size(): number {
    return this.byIndex.size;
  }

  /** The session with a local index; undefined when it has ended at `now` (ms). */
  find(localIndex: number, now: number): ServerSession | undefined {
    const session = this.byIndex.get(localIndex | 0);
    return session !== undefined && session.endsAt > now ? session : undefined;
  }

  /** Opens a session that has yet to be confirmed; a previous one of this kind ends. */
  open(
    client: ClientRecord,
    remoteIndex: number,
    keys: TransportKeys,
    origin: ProvenPath,
    now: number,
  ): ServerSession {
    if (client.next !== undefined) {
      this.remove(client.next);
    }
    const transport = new Transport(keys);
    const localIndex = this.freeIndex();
    client.next = new ServerSession(
      client,
      localIndex,
      remoteIndex,
      transport,
      origin,
      now + CONFIRM_MS,
    );
    this.byIndex.set(localIndex, client.next);
    return client.next;
  }

  /** The client has sent data in its newest session: it holds the keys. */
  confirm(session: ServerSession, now: number): void {
    if (session === session.client.next) {
      this.takeOver(session, now);
    }
    session.isConfirmed = true;
    session.endsAt += SESSION_MS - CONFIRM_MS;
  }

  /** The client's next session becomes its current one: it is confirmed, or its handshake said enough. */
  takeOver(session: ServerSession, now: number): void {
    const { client } = session;
    if (client.previous !== undefined) {
      this.remove(client.previous);
    }
    client.previous = client.current;
    if (client.previous !== undefined) {
      client.previous.endsAt = Math.min(client.previous.endsAt, now + OVERLAP_MS);
    }
    client.current = session;
    client.next = undefined;
    client.sessionNumber++;
  }

  /** Ends the sessions of the client that are over at `now` (ms), or all of them. */
  end(client: ClientRecord, now = Number.POSITIVE_INFINITY): void {
    for (const role of ['previous', 'current', 'next'] as const) {
      const session = client[role];
      if (session !== undefined && session.endsAt <= now) {
        this.remove(session);
        client[role] = undefined;
      }
    }
  }

  private remove(session: ServerSession): void {
    this.byIndex.delete(session.localIndex);
    session.transport.wipe();
  }

  /** Signed, because V8 keeps such numbers without an object; on the wire they are the same 32 bits. */
  private freeIndex(): number {
    let index: number;
    do {
      index = this.randomNumber() | 0;
    } while (this.byIndex.has(index));
    return index;
  }
}
