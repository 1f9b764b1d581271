import { FrameWriter } from '../../wire/sealed-frame-writer.js';
import type { Client } from './client.js';
import type { Directory } from './directory.js';
import type { Outbox } from './outbox.js';
import type { Path } from './path.js';
import { addEntry } from './peer-entries.js';
import { isLastAttempt, type Push } from './pushes.js';
import type { SealedCounts } from './sealed-counts.js';
import { WISH } from './wishes.js';

/** Datagrams in one turn: new ones to one client; all to all, and while more is waiting to be received. */
const MAX_TO_CLIENT = 16;
const MAX_TO_ALL = 1024;
const MAX_WHILE_BACKLOGGED = 64;

const MAX_PUSH_NUMBER = 0x7fff_ffff;

/** Tells clients of their peers, several to a datagram, until they acknowledge it. */
export class Pusher {
  private readonly writer = new FrameWriter();
  private lastNumber = 0;
  /** Datagrams that may still be sent in this turn. */
  private left = 0;

  constructor(
    private readonly directory: Directory,
    private readonly outbox: Outbox,
    private readonly counts: SealedCounts,
    /** Has the client looked at at that time, in ms, at the latest. */
    private readonly lookAt: (client: Client, dueAt: number) => void,
  ) {}

  /** A turn begins: what exceeds it is left for the next. */
  beginTurn(isBacklogged: boolean): void {
    this.left = isBacklogged ? MAX_WHILE_BACKLOGGED : MAX_TO_ALL;
  }

  /** Sends what is news, to each client in turn. */
  flush(now: number): void {
    const { ready } = this.directory;
    let clients = ready.size;
    for (const client of ready) {
      if (clients-- === 0 || this.left <= 0) {
        return;
      }
      ready.delete(client);
      if (this.sendNews(client, now)) {
        ready.add(client); // behind those who wait
      } // else it is ready again when it is heard
    }
  }

  /** The client was heard: if it did not acknowledge for long, it may do so now. */
  heard(client: Client): void {
    client.pushes.isWaiting = false;
    if (client.pushes.news.size > 0) {
      this.directory.ready.add(client);
    }
  }

  /** The client has the message with that counter; what changed since is news. */
  acknowledge(client: Client, counter: number): void {
    const push = client.pushes.acknowledge(counter);
    if (push !== undefined) {
      this.counts.pushesAcknowledged++;
      const { wishes } = this.directory;
      for (const wish of this.stillIn(client, push)) {
        wishes.set(wish, WISH.push, 0);
        if (wishes.get(wish, WISH.stale) === 1) {
          client.pushes.news.add(wish);
        }
      }
    }
  }

  /**
   * Sends again what was not acknowledged in time, or gives it up until the client is heard. What is due
   * stays so where the turn has no room.
   */
  retry(client: Client, now: number): void {
    if (this.left <= 0) {
      return;
    }
    for (const [attempt, wishes] of this.takeDue(client, now)) {
      if (isLastAttempt(attempt)) {
        this.counts.pushesGivenUp++;
        client.pushes.isWaiting = true;
      } else {
        this.counts.pushesRetried++;
        while (wishes.size > 0 && this.send(client, wishes, attempt + 1, now));
      }
      this.makeNews(client, wishes);
    }
  }

  /** A new session took over: what was not acknowledged in the old one is news in the new one. */
  restart(client: Client): void {
    for (const push of client.pushes.takeDue()) {
      this.makeNews(client, this.stillIn(client, push));
    }
  }

  /** Sends a client its share of a turn; whether more may be sent to it. */
  private sendNews(client: Client, now: number): boolean {
    const { pushes } = client;
    for (let i = 0; i < MAX_TO_CLIENT && pushes.isReady && this.left > 0; i++) {
      if (!this.send(client, pushes.news, 0, now)) {
        return false;
      }
    }
    return pushes.isReady;
  }

  /** Sends one datagram of the wishes, and takes out those that fitted; false when it cannot be sent. */
  private send(client: Client, wishes: Set<number>, attempt: number, now: number): boolean {
    const { outbox, writer } = this;
    const session = client.current;
    const path = pathOf(client, attempt);
    if (session === undefined || path === undefined) {
      return false;
    }
    const told = this.write(wishes);
    const counter = session.transport.sealedCount;
    const payload = outbox.payload(path.socket);
    const at = outbox.at(path.socket);
    const length = session.transport.seal(
      session.remoteIndex,
      writer.bytes,
      writer.length,
      payload,
      at,
    );
    if (length < 0) {
      return false;
    }
    outbox.send(path.socket, length, path.addresses, 0);
    this.counts.pushes++;
    this.left--;
    const number = this.nextNumber();
    for (const wish of told) {
      wishes.delete(wish);
      this.directory.wishes.set(wish, WISH.push, number);
      this.directory.wishes.set(wish, WISH.stale, 0);
    }
    this.lookAt(client, client.pushes.sent(counter, number, told, attempt, now));
    return true;
  }

  private write(wishes: Iterable<number>): number[] {
    const { directory, writer } = this;
    const told: number[] = [];
    writer.beginPush();
    for (const wish of wishes) {
      const key = directory.names.read(directory.wishes.get(wish, WISH.peer));
      if (!addEntry(writer, directory, wish, key, 0)) {
        break;
      }
      told.push(wish);
    }
    return told;
  }

  /** What is due, by how often it was sent before: several pushes of few entries become one of many. */
  private takeDue(client: Client, now: number): Map<number, Set<number>> {
    const due = new Map<number, Set<number>>();
    for (const push of client.pushes.takeDue(now)) {
      const wishes = due.get(push.attempt) ?? new Set();
      for (const wish of this.stillIn(client, push)) {
        wishes.add(wish);
      }
      due.set(push.attempt, wishes);
    }
    return due;
  }

  /** The wishes of a push that have not been dropped since. */
  private stillIn(client: Client, { wishes, number }: Push): number[] {
    const rows = this.directory.wishes;
    return wishes.filter(
      (wish) => rows.get(wish, WISH.push) === number && rows.get(wish, WISH.owner) === client.name,
    );
  }

  private makeNews(client: Client, wishes: Iterable<number>): void {
    for (const wish of wishes) {
      this.directory.wishes.set(wish, WISH.push, 0);
      client.pushes.news.add(wish);
    }
  }

  private nextNumber(): number {
    this.lastNumber = this.lastNumber === MAX_PUSH_NUMBER ? 1 : this.lastNumber + 1;
    return this.lastNumber;
  }
}

/** The path it was heard on last, and with each attempt the other in turn, where there is one. */
function pathOf(client: Client, attempt: number): Path | undefined {
  const freshest = client.freshestPath;
  const other = client.paths[freshest?.family === 4 ? 6 : 4];
  return attempt % 2 === 1 ? (other ?? freshest) : freshest;
}
