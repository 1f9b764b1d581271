import type { Admission } from '../../limits/admission.js';
import { CellRate } from '../../limits/cell-rate.js';
import type { CookieChecker } from '../../sealed/cookie-checker.js';
import { NO_REPLY } from '../../socket/datagram-batch.js';
import { readUint16, readUint32, readUint64 } from '../../wire/byte-order.js';
import { KEY_LENGTH } from '../../wire/key.js';
import {
  MAX_PLAINTEXT_LENGTH,
  MESSAGE_LENGTH,
  NOTICE,
  OFFSET,
  writeNotice,
} from '../../wire/sealed.js';
import { FrameWriter } from '../../wire/sealed-frame-writer.js';
import {
  FRAME,
  INITIATION_COUNTER,
  ITEM_LENGTH,
  LIST_HEADER_LENGTH,
  listCount,
  OBSERVE_LENGTH,
  SEALED_CANDIDATES_LENGTH,
  TOKEN_LENGTH,
  WANT_HEADER_LENGTH,
  WANT_OFFSET,
} from '../../wire/sealed-frames.js';
import type { SourceMonitor } from '../source-monitor.js';
import { type ClientRecord, keyText, type ServerSession, type Want } from './client-record.js';
import type { ClientTimers } from './client-timers.js';
import type { Directory } from './directory.js';
import type { Incoming } from './incoming.js';
import type { Outbox } from './outbox.js';
import { addEntry } from './peer-entries.js';
import type { ProvenPath } from './proven-path.js';
import type { Pusher } from './pusher.js';
import type { SealedCounts } from './sealed-counts.js';
import type { Sessions } from './sessions.js';

/** Burst of messages of one client, in seconds of its rate. */
const BURST_SECONDS = 2;

/**
 * Messages from the proven path of a session that may fail authentication. A network that duplicates and
 * reorders makes a few; beyond that the path is treated as any source.
 */
const PATH_FORGERIES = { rate: 32, burst: 256 } as const;

export interface DataOptions {
  /** Messages per second of one client; 0 = no limit. */
  readonly clientRate: number;
  /** Send no notices to sources that may not know the server's key. */
  readonly only: boolean;
}

/**
 * Opens data messages, and decides whether their source counts as the client's. Anyone can use up the rate
 * of a source by forging its address, so messages from the proven path of their session draw on the path
 * instead. Each message is charged when it is admitted; one that opens gets its token back.
 */
export class DataReceiver {
  private readonly clientRate: CellRate;
  private readonly forgeries = new CellRate(PATH_FORGERIES);

  constructor(
    private readonly options: DataOptions,
    private readonly admission: Admission,
    private readonly directory: Directory,
    private readonly sessions: Sessions,
    private readonly cookies: CookieChecker,
    private readonly frames: Frames,
    private readonly counts: SealedCounts,
    private readonly timers: ClientTimers,
    private readonly sources: SourceMonitor,
  ) {
    const { clientRate: rate } = options;
    this.clientRate = new CellRate({ rate, burst: Math.max(1, BURST_SECONDS * rate) });
  }

  /** Writes the answer in place; returns its length or NO_REPLY. */
  receive(incoming: Incoming, now: number): number {
    const { payload, at } = incoming;
    const session = this.sessions.find(readUint32(payload, at + OFFSET.data.receiverIndex), now);
    const path = session && pathOf(session, incoming);
    const ownPath = path && this.forgeries.has(path.forgeriesFullAt, now) ? path : undefined;
    if (ownPath !== undefined) {
      ownPath.forgeriesFullAt = this.forgeries.take(ownPath.forgeriesFullAt, now);
    } else if (!this.admission.charge(incoming.batch, incoming.slot, incoming.family, now)) {
      return NO_REPLY;
    }
    if (session === undefined) {
      this.counts.unknownSession++;
      return this.options.only ? NO_REPLY : this.refuse(payload, at);
    }
    const length = session.transport.open(payload, at, incoming.length, this.frames.plaintext);
    if (length < 0) {
      this.counts.rejected++;
      return NO_REPLY;
    }
    if (ownPath !== undefined) {
      ownPath.forgeriesFullAt = this.forgeries.giveBack(ownPath.forgeriesFullAt);
    } else {
      this.admission.giveBack();
    }
    return this.accept(session, path, incoming, length, now);
  }

  /** A message that was opened, and the proven path it came from, if any. */
  private accept(
    session: ServerSession,
    path: ProvenPath | undefined,
    incoming: Incoming,
    length: number,
    now: number,
  ): number {
    const { counts } = this;
    const { client } = session;
    counts.opened++;
    if (!session.isConfirmed && session !== client.previous) {
      this.confirm(session, now);
    }
    if (!this.clientRate.has(client.allowanceFullAt, now)) {
      counts.clientLimited++;
      return NO_REPLY;
    }
    client.allowanceFullAt = this.clientRate.take(client.allowanceFullAt, now);
    if (this.frames.isObserve()) {
      return this.frames.observed(session, length, incoming);
    }
    // Only the newest message says where the client is now: a late one would move it back.
    const isNewest = session === client.current && session.isNewest;
    if (path === undefined) {
      if (!isNewest) {
        counts.unprovenIgnored++;
        return NO_REPLY;
      }
      if (!this.isPathResponse(session, incoming, length, now)) {
        counts.challenges++;
        return this.frames.challenge(
          session,
          this.cookies.token(session.localIndex, incoming, now),
          incoming,
        );
      }
      counts.moves++;
    }
    if (isNewest) {
      this.hear(client, incoming, now);
    }
    return this.frames.answer(session, length, incoming);
  }

  /** Whether the client has not exceeded its rate. */
  mayAsk(client: ClientRecord | undefined, now: number): boolean {
    return this.clientRate.has(client?.allowanceFullAt ?? 0, now);
  }

  /** A handshake that is worth as much as a first data message, for a while; see Newcomers. */
  register(session: ServerSession, want: Uint8Array, incoming: Incoming, now: number): void {
    const { client } = session;
    client.allowanceFullAt = this.clientRate.take(client.allowanceFullAt, now);
    this.sessions.takeOver(session, now);
    this.directory.tookOver(client);
    this.hear(client, incoming, now, true);
    this.timers.tookOver(client);
    this.frames.earlyWant(session, want, incoming);
  }

  private confirm(session: ServerSession, now: number): void {
    const { client } = session;
    const takesOver = session === client.next;
    this.sessions.confirm(session, now);
    this.counts.confirmed++;
    if (takesOver) {
      this.directory.tookOver(client);
      this.timers.tookOver(client);
    }
  }

  private hear(client: ClientRecord, incoming: Incoming, now: number, isProvisional = false): void {
    const { family, addressWords, addressWord, socket } = incoming;
    if (!client.isRegistered) {
      this.sources.note(incoming.addresses, incoming.addressAt, family, now);
      this.directory.charge(client, incoming.source);
    }
    this.directory.hear(client, family, addressWords, addressWord, socket, now, isProvisional);
    this.timers.heard(client, now);
  }

  /** Whether the frame answers a path challenge (RFC 9000 section 8.2) that was sent to its source. */
  private isPathResponse(
    session: ServerSession,
    incoming: Incoming,
    length: number,
    now: number,
  ): boolean {
    const { plaintext } = this.frames;
    return (
      plaintext[0] === FRAME.pathResponse &&
      length > TOKEN_LENGTH &&
      this.cookies.acceptsToken(plaintext, 1, session.localIndex, incoming, now)
    );
  }

  private refuse(payload: Uint8Array, at: number): number {
    this.counts.notices++;
    writeNotice(payload, at, NOTICE.noSession, payload, at);
    return MESSAGE_LENGTH.notice;
  }
}

/**
 * The proven path of the session that a datagram came from: one of the client's, or where the handshake
 * came from until the session is confirmed. Later, that proof is too old.
 */
function pathOf(session: ServerSession, incoming: Incoming): ProvenPath | undefined {
  const { client, origin } = session;
  const path = client.paths[incoming.family];
  if (path !== undefined && incoming.isFrom(path)) {
    return path;
  }
  return session === client.next && incoming.isFrom(origin) ? origin : undefined;
}

/** Carries out the frames of clients, and answers them. */
export class Frames {
  /** The frame being worked on, with its padding. */
  readonly plaintext = Buffer.alloc(MAX_PLAINTEXT_LENGTH);
  private readonly writer = new FrameWriter();
  private readonly findLocal = (key: string) => this.directory.find(key);

  constructor(
    private readonly directory: Directory,
    private readonly outbox: Outbox,
    private readonly pusher: Pusher,
    private readonly counts: SealedCounts,
    private readonly timers: ClientTimers,
    private readonly otherPort: (socket: number) => number,
  ) {}

  /** Writes the answer to `length` bytes of plaintext in place; returns its length or NO_REPLY. */
  answer(session: ServerSession, length: number, incoming: Incoming): number {
    const reply = this.dispatch(session, length, incoming);
    if (!session.client.isGone) {
      this.pusher.heard(session.client);
    }
    return reply;
  }

  /** Takes in a want frame that came with the handshake; its answers go out beside the reply in place. */
  earlyWant(session: ServerSession, want: Uint8Array, incoming: Incoming): void {
    this.plaintext.set(want);
    const count = listCount(this.plaintext, 0, want.length);
    this.want(session, count, incoming, INITIATION_COUNTER, NO_REPLY);
    this.pusher.heard(session.client);
  }

  challenge(session: ServerSession, token: Uint8Array, incoming: Incoming): number {
    this.writer.token(FRAME.pathChallenge, token);
    return this.reply(session, incoming);
  }

  isObserve(): boolean {
    return this.plaintext[0] === FRAME.observe;
  }

  /**
   * Reports to the client where it was seen, and changes nothing: the source may be a mapping that its NAT
   * made for this question only, and need not be proven, as the answer is no longer than the question.
   */
  observed(session: ServerSession, length: number, incoming: Incoming): number {
    const { addresses, addressAt, family, port, socket } = incoming;
    if (length < OBSERVE_LENGTH) {
      return this.malformed();
    }
    this.counts.observed++;
    const { lastCounter } = session.transport;
    const otherPort = this.otherPort(socket);
    this.writer.observed(lastCounter, otherPort, addresses, addressAt, family, port);
    return this.reply(session, incoming);
  }

  private dispatch(session: ServerSession, length: number, incoming: Incoming): number {
    switch (this.plaintext[0]) {
      case FRAME.want:
      case FRAME.candidates:
      case FRAME.relay:
      case FRAME.bye:
        return this.change(session, length, incoming);
      case FRAME.ping:
        return this.pong(session, incoming);
      case FRAME.pathResponse:
        return length > TOKEN_LENGTH ? this.pong(session, incoming) : this.malformed();
      case FRAME.ack:
        return this.acknowledge(session, length);
      default:
        return this.malformed();
    }
  }

  /** Changes count in the newest session. */
  private change(session: ServerSession, length: number, incoming: Incoming): number {
    const kind = this.plaintext[0];
    const count = kind === FRAME.bye ? 0 : listCount(this.plaintext, 0, length);
    if (count < 0) {
      return this.malformed();
    }
    if (session !== session.client.current) {
      this.counts.lateChanges++;
      return NO_REPLY;
    }
    if (kind === FRAME.want) {
      return this.want(session, count, incoming, session.transport.lastCounter, undefined);
    }
    if (kind === FRAME.relay) {
      return this.relay(session, count, incoming);
    }
    if (kind === FRAME.candidates && !this.candidates(session, count)) {
      this.counts.lateChanges++;
      return NO_REPLY;
    }
    // The acknowledgement first: a session that ends seals nothing.
    this.writer.begin(FRAME.serverAck).addCounter(session.transport.lastCounter);
    const reply = this.reply(session, incoming);
    if (kind === FRAME.bye) {
      this.timers.forget(session.client);
    }
    return reply;
  }

  /**
   * Takes in a part of the client's want list; wants that a complete list lacks are withdrawn.
   * @param counter that the answer names, and `first` as ship() has it
   */
  private want(
    session: ServerSession,
    count: number,
    incoming: Incoming,
    counter: number,
    first: number | undefined,
  ): number {
    const { directory, plaintext } = this;
    const { client } = session;
    const version = readUint32(plaintext, WANT_OFFSET.version);
    const part = readUint16(plaintext, WANT_OFFSET.part);
    const parts = readUint16(plaintext, WANT_OFFSET.parts);
    const outcome = session.wantList.take(version, part, parts, directory.maxListParts);
    switch (outcome) {
      case 'malformed':
        return this.malformed();
      case 'outdated':
        this.counts.lateChanges++;
        return NO_REPLY;
      case 'first':
        directory.beginList(client);
        break;
      case 'last':
        this.endList(client, count, parts);
        break;
    }
    const want = (key: string) => {
      const kept = directory.want(client, key);
      if (kept === undefined) {
        this.counts.wantsRefused++;
      }
      return kept;
    };
    return this.answerKeys(session, WANT_HEADER_LENGTH, count, incoming, want, counter, first);
  }

  /** Takes in the peers for which the client asks for a relay. */
  private relay(session: ServerSession, count: number, incoming: Incoming): number {
    const { directory, plaintext } = this;
    const { client, transport } = session;
    const counter = transport.lastCounter;
    const text = listText(plaintext, LIST_HEADER_LENGTH, count);
    const keys = Array.from({ length: count }, (_, i) => keyIn(text, i));
    if (!directory.relays.ask(client, keys, counter)) {
      this.counts.lateChanges++;
      return NO_REPLY;
    }
    const find = (key: string) => client.wants.get(key);
    return this.answerKeys(session, LIST_HEADER_LENGTH, count, incoming, find, counter, undefined);
  }

  /** Withdraws what the list lacks before its last wants are added, so that they find room. */
  private endList(client: ClientRecord, count: number, parts: number): void {
    const { directory, plaintext } = this;
    if (parts === 1) {
      directory.beginList(client);
    }
    const text = listText(plaintext, WANT_HEADER_LENGTH, count);
    for (let i = 0; i < count; i++) {
      directory.keepWant(client, keyIn(text, i));
    }
    directory.endList(client);
  }

  /**
   * Answers each of the keys behind a header; what does not fit the datagram in place goes out beside it.
   * @param find the client's want for a key
   */
  private answerKeys(
    session: ServerSession,
    headerLength: number,
    count: number,
    incoming: Incoming,
    find: (key: string) => Want | undefined,
    counter: number,
    shipped: number | undefined,
  ): number {
    const { findLocal, plaintext, writer } = this;
    const text = listText(plaintext, headerLength, count);
    let first = shipped;
    writer.beginAnswer(counter);
    for (let i = 0; i < count; i++) {
      const keyAt = headerLength + i * KEY_LENGTH;
      const want = find(keyIn(text, i));
      if (!addEntry(writer, want, plaintext, keyAt, findLocal)) {
        first = this.ship(session, incoming, first);
        addEntry(writer.beginAnswer(counter), want, plaintext, keyAt, findLocal);
      }
    }
    return this.ship(session, incoming, first);
  }

  /** Keeps local candidates; whether none of them is older than what is kept. */
  private candidates({ client, transport }: ServerSession, count: number): boolean {
    const { directory, plaintext } = this;
    const counter = transport.lastCounter;
    let inOrder = true;
    for (let i = 0; i < count; i++) {
      const keyAt = LIST_HEADER_LENGTH + i * ITEM_LENGTH[FRAME.candidates];
      const candidatesAt = keyAt + KEY_LENGTH;
      const bytes = plaintext.subarray(candidatesAt, candidatesAt + SEALED_CANDIDATES_LENGTH);
      if (!directory.putCandidates(client, keyText(plaintext, keyAt), bytes, counter)) {
        inOrder = false;
      }
    }
    return inOrder;
  }

  private acknowledge(session: ServerSession, length: number): number {
    const count = listCount(this.plaintext, 0, length);
    if (count < 0) {
      return this.malformed();
    }
    if (session === session.client.current) {
      for (let i = 0; i < count; i++) {
        const at = LIST_HEADER_LENGTH + i * ITEM_LENGTH[FRAME.ack];
        this.pusher.acknowledge(session.client, readUint64(this.plaintext, at));
      }
    }
    return NO_REPLY;
  }

  private pong(session: ServerSession, incoming: Incoming): number {
    const { addresses, addressAt, family, port } = incoming;
    this.writer.pong(addresses, addressAt, family, port);
    return this.reply(session, incoming);
  }

  private malformed(): number {
    this.counts.malformedFrames++;
    return NO_REPLY;
  }

  /** Seals what was written: in place, or beside it where `first` is defined. Returns the length in place. */
  private ship(session: ServerSession, incoming: Incoming, first: number | undefined): number {
    if (first === undefined) {
      return this.reply(session, incoming);
    }
    const { outbox, writer } = this;
    const { socket } = incoming;
    const payload = outbox.payload(socket);
    const at = outbox.at(socket);
    const length = session.transport.seal(
      session.remoteIndex,
      writer.bytes,
      writer.length,
      payload,
      at,
    );
    if (length >= 0) {
      outbox.send(socket, length, incoming.addressWords, incoming.addressWord);
    }
    return first;
  }

  /** -1, which transport.seal() returns where nothing can be sealed, is NO_REPLY. */
  private reply(session: ServerSession, { payload, at }: Incoming): number {
    const { writer } = this;
    return session.transport.seal(session.remoteIndex, writer.bytes, writer.length, payload, at);
  }
}

/** The keys behind a header as one text: one call into the engine instead of one for each key. */
function listText(plaintext: Buffer, headerLength: number, count: number): string {
  return plaintext.toString('latin1', headerLength, headerLength + count * KEY_LENGTH);
}

/** A key of that text, which it keeps alive: only for lookups. */
function keyIn(text: string, index: number): string {
  return text.slice(index * KEY_LENGTH, (index + 1) * KEY_LENGTH);
}
