import { KEY_LENGTH } from '../../wire/key.js';
import { FrameWriter } from '../../wire/sealed-frame-writer.js';
import type { ClientRecord, Want } from './client-record.js';
import type { Directory } from './directory.js';
import type { Outbox } from './outbox.js';
import { addEntry } from './peer-entries.js';
import type { ProvenPath } from './proven-path.js';
import { isLastAttempt, type Push } from './pushes.js';
import type { SealedCounts } from './sealed-counts.js';

/** Datagrams of one turn: new ones to one client; all to all, and while more is waiting to be received. */
const MAX_TO_CLIENT = 16;
const MAX_TO_ALL = 1024;
const MAX_WHILE_BACKLOGGED = 64;

/** Sends clients the updates about their peers, several to a datagram, until they acknowledge them. */
export class Pusher {
  private readonly writer = new FrameWriter();
  private readonly key = Buffer.alloc(KEY_LENGTH);
  private readonly findLocal = (key: string) => this.directory.find(key);
  /** Datagrams that may still be sent in this turn. */
  private left = 0;

  constructor(
    private readonly directory: Directory,
    private readonly outbox: Outbox,
    private readonly counts: SealedCounts,
    /** Schedules a check of the client no later than `dueAt` (ms). */
    private readonly schedule: (client: ClientRecord, dueAt: number) => void,
  ) {}

  /** A turn begins: what exceeds it is left for the next. */
  beginTurn(isBacklogged: boolean): void {
    this.left = isBacklogged ? MAX_WHILE_BACKLOGGED : MAX_TO_ALL;
  }

  /** Sends new updates, to each client in turn. */
  flush(now: number): void {
    const { ready } = this.directory;
    let clients = ready.size;
    for (const client of ready) {
      if (clients-- === 0 || this.left <= 0) {
        return;
      }
      ready.delete(client);
      if (this.sendUpdates(client, now)) {
        ready.add(client); // behind the others
      } // else it is ready again when it is heard
    }
  }

  /** The client was heard: if it left pushes unacknowledged before, it may acknowledge them now. */
  heard(client: ClientRecord): void {
    client.pushes.isWaiting = false;
    if (client.pushes.updates.size > 0) {
      this.directory.ready.add(client);
    }
  }

  /** The client has the message with that counter; what changed since is a new update. */
  acknowledge(client: ClientRecord, counter: number): void {
    const push = client.pushes.acknowledge(counter);
    if (push !== undefined) {
      this.counts.pushesAcknowledged++;
      for (const want of stillIn(push)) {
        want.push = undefined;
        if (want.isStale) {
          client.pushes.updates.add(want);
        }
      }
    }
  }

  /**
   * Sends again what was not acknowledged in time, or gives it up until the client is heard. What is due
   * stays due if the turn has no room.
   */
  retry(client: ClientRecord, now: number): void {
    if (this.left <= 0) {
      return;
    }
    for (const [attempt, wants] of takeDue(client, now)) {
      if (isLastAttempt(attempt)) {
        this.counts.pushesGivenUp++;
        client.pushes.isWaiting = true;
      } else {
        this.counts.pushesRetried++;
        while (wants.size > 0 && this.send(client, wants, attempt + 1, now));
      }
      makeUpdates(client, wants);
    }
  }

  /** A new session took over: what was not acknowledged in the old one is sent anew. */
  restart(client: ClientRecord): void {
    for (const push of client.pushes.takeDue()) {
      makeUpdates(client, stillIn(push));
    }
  }

  /** Sends a client its share of a turn; whether more may be sent to it. */
  private sendUpdates(client: ClientRecord, now: number): boolean {
    const { pushes } = client;
    for (let i = 0; i < MAX_TO_CLIENT && pushes.isReady && this.left > 0; i++) {
      if (!this.send(client, pushes.updates, 0, now)) {
        return false;
      }
    }
    return pushes.isReady;
  }

  /** Sends one datagram of the wants, and takes out those that fitted; false when it cannot be sent. */
  private send(client: ClientRecord, wants: Set<Want>, attempt: number, now: number): boolean {
    const { outbox, writer } = this;
    const session = client.current;
    const path = pathOf(client, attempt);
    if (session === undefined || path === undefined) {
      return false;
    }
    const written = this.write(wants);
    const { transport, remoteIndex } = session;
    const counter = transport.sealedCount;
    const payload = outbox.payload(path.socket);
    const at = outbox.at(path.socket);
    const length = transport.seal(remoteIndex, writer.bytes, writer.length, payload, at);
    if (length < 0) {
      return false;
    }
    outbox.send(path.socket, length, path.addresses, 0);
    this.counts.pushes++;
    this.left--;
    const push = client.pushes.sent(counter, written, attempt, now);
    for (const want of written) {
      wants.delete(want);
      want.push = push;
      want.isStale = false;
    }
    this.schedule(client, push.dueAt);
    return true;
  }

  /** Writes entries as long as they fit; returns their wants. */
  private write(wants: Iterable<Want>): Want[] {
    const { key, writer } = this;
    const written: Want[] = [];
    writer.beginPush();
    for (const want of wants) {
      key.write(want.key, 'latin1');
      if (!addEntry(writer, want, key, 0, this.findLocal)) {
        break;
      }
      written.push(want);
    }
    return written;
  }
}

/** What is due, by how often it was sent before: several pushes of few entries become one of many. */
function takeDue(client: ClientRecord, now: number): Map<number, Set<Want>> {
  const due = new Map<number, Set<Want>>();
  for (const push of client.pushes.takeDue(now)) {
    const wants = due.get(push.attempt) ?? new Set();
    for (const want of stillIn(push)) {
      wants.add(want);
    }
    due.set(push.attempt, wants);
  }
  return due;
}

/** The wants of a push that have not been withdrawn since. */
function stillIn(push: Push<Want>): Want[] {
  return push.wants.filter((want) => want.push === push);
}

function makeUpdates(client: ClientRecord, wants: Iterable<Want>): void {
  for (const want of wants) {
    want.push = undefined;
    client.pushes.updates.add(want);
  }
}

/** The path it was heard on last, and with each attempt the other in turn, if there is one. */
function pathOf(client: ClientRecord, attempt: number): ProvenPath | undefined {
  const freshest = client.freshestPath;
  const other = client.paths[freshest?.family === 4 ? 6 : 4];
  return attempt % 2 === 1 ? (other ?? freshest) : freshest;
}
