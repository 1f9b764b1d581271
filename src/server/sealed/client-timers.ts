import type { ClientRecord } from './client-record.js';
import type { Directory } from './directory.js';
import type { Pusher } from './pusher.js';
import type { SealedCounts } from './sealed-counts.js';
import type { Sessions } from './sessions.js';
import type { TimerWheel } from './timer-wheel.js';

/** The most clients checked in one step. */
const MAX_CHECKS = 4096;

/** The timers of all clients: ends sessions, removes stale paths and clients, repeats pushes. */
export class ClientTimers {
  constructor(
    private readonly directory: Directory,
    private readonly sessions: Sessions,
    private readonly pusher: Pusher,
    private readonly wheel: TimerWheel<ClientRecord>,
    private readonly counts: SealedCounts,
    private readonly ttlMs: number,
  ) {}

  tick(now: number): void {
    this.wheel.advance(now, MAX_CHECKS, (client) => this.check(client, now));
  }

  /** The next session of the client took over. */
  tookOver(client: ClientRecord): void {
    this.pusher.restart(client);
    this.wheel.hasten(client, this.nextDue(client));
  }

  /** The client was heard from a proven source. */
  heard(client: ClientRecord, now: number): void {
    this.wheel.hasten(client, Math.min(client.tellAt, now + this.ttlMs));
  }

  /** Ends the sessions of a client and removes it; its peers are updated. */
  forget(client: ClientRecord): void {
    this.counts.forgotten++;
    this.wheel.schedule(client, Number.POSITIVE_INFINITY);
    this.sessions.end(client);
    this.directory.forget(client);
  }

  private check(client: ClientRecord, now: number): void {
    this.sessions.end(client, now);
    this.directory.dropPaths(client, now, this.ttlMs);
    if (!client.isRegistered && client.next === undefined) {
      this.forget(client);
      return;
    }
    if (client.tellAt <= now) {
      this.directory.tellMoves(client, now);
    }
    this.pusher.retry(client, now);
    // What did not fit this turn is still due: it comes with the next.
    this.wheel.schedule(client, Math.max(this.nextDue(client), now + 1));
  }

  private nextDue(client: ClientRecord): number {
    const { paths, previous, current, next, pushes } = client;
    return Math.min(
      client.tellAt,
      pushes.dueAt,
      paths[4]?.endsAt(this.ttlMs) ?? Number.POSITIVE_INFINITY,
      paths[6]?.endsAt(this.ttlMs) ?? Number.POSITIVE_INFINITY,
      previous?.endsAt ?? Number.POSITIVE_INFINITY,
      current?.endsAt ?? Number.POSITIVE_INFINITY,
      next?.endsAt ?? Number.POSITIVE_INFINITY,
    );
  }
}
