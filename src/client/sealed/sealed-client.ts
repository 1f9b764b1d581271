import { openCandidates, sealCandidates } from '../../sealed/candidates.js';
import { readUint32 } from '../../wire/byte-order.js';
import { type Endpoint, type Family, sameEndpoint } from '../../wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../../wire/key.js';
import {
  MAX_MESSAGE_LENGTH,
  MAX_PLAINTEXT_LENGTH,
  MESSAGE,
  messageType,
  OFFSET,
} from '../../wire/sealed.js';
import { encodeCandidates, type PeerCandidates } from '../../wire/sealed-candidates.js';
import {
  decodeSealedFrame,
  type ObservedFrame,
  type SealedFrame,
} from '../../wire/sealed-frame-reader.js';
import { FrameWriter } from '../../wire/sealed-frame-writer.js';
import { FRAME, type RelayRefusal } from '../../wire/sealed-frames.js';
import type { ServerAnswer } from '../paths/observing-server.js';
import { LocalCandidates } from './local-candidates.js';
import { type PeerUpdate, PeerUpdates } from './peer-updates.js';
import { RelayAsks } from './relay-asks.js';
import { RelayBindings, type RelayState } from './relay-bindings.js';
import { CONFIRM_AFTER_MS, ServerPaths } from './server-paths.js';
import type { ServerStatus } from './server-status.js';
import type { ClientSession } from './session.js';
import { SessionKeeper, type SessionKeeperOptions } from './session-keeper.js';
import { Transmitter, UNANSWERED_SENDS, type Urgency } from './transmitter.js';
import { WantList } from './want-list.js';

/** Below the 30 s of the shortest NAT timers that are common. */
export const DEFAULT_PING_INTERVAL_MS = 25_000;

/** While a wanted peer is missing, so that a restarted server is noticed soon: its push would not come. */
const WAITING_PING_INTERVAL_MS = 2000;

/** While peers are relayed; and the pings after which the session may be dead. */
const RELAYING_PING_INTERVAL_MS = 1000;
const RELAYING_PINGS = 2;

/** The relay to a peer, as the client sees it. */
export interface RelayView {
  /** Whether the client asks for it. */
  readonly isAsked: boolean;
  readonly state: RelayState;
  /** Where the peer is reached by the relay; undefined unless both are bound. */
  readonly endpoint: Endpoint | undefined;
  /** Why the server does not relay to the peer. */
  readonly refusal: RelayRefusal | undefined;
}

/** Answers that wait to be taken. */
const MAX_ANSWERS = 16;

/** Messages that overtook the response to our initiation, which are kept until it comes. */
const MAX_AHEAD = 8;

type PeersFrame = SealedFrame & { kind: typeof FRAME.peers };

export interface SealedClientOptions extends SessionKeeperOptions {
  /** Gets the base64 key of each peer with a new state, which `update` gives. */
  readonly updated: (key: string) => void;
  /** Sends a bind to a relay port, from WireGuard's own port. @default the client uses no relay */
  readonly sendBind?: (to: Endpoint, message: Uint8Array) => void;
  /** The server sees us at another endpoint than before. */
  readonly moved?: () => void;
  /** Between the last message on a path and its ping. @default 25 000 ms */
  readonly pingIntervalMs?: number | undefined;
}

/**
 * The client's side of the sealed protocol (docs/protocol.md): a session with the server, the want list,
 * the local candidates, and the peers' updates. Bytes and times come in, bytes go out. Times are
 * milliseconds of one monotonic clock; `wallNow` is milliseconds since 1970 UTC.
 */
export class SealedClient {
  readonly #updated: (key: string) => void;
  readonly #tellMoved: (() => void) | undefined;
  readonly #paths: ServerPaths;
  readonly #keeper: SessionKeeper;
  readonly #wantList = new WantList();
  readonly #candidates: LocalCandidates;
  readonly #updates: PeerUpdates;
  readonly #relayAsks = new RelayAsks();
  readonly #relayBindings: RelayBindings;
  readonly #usesRelay: boolean;
  readonly #transmitter: Transmitter;
  readonly #pingIntervalMs: number;
  /** Messages of a session whose response has yet to come, with their families. */
  #ahead: (readonly [Family, Uint8Array])[] = [];
  readonly #plaintext = new Uint8Array(MAX_PLAINTEXT_LENGTH);
  #waitingIntervalMs: number;
  /** Our addresses; an empty list is sent as well, because peers may have those of an earlier run. */
  #local: PeerCandidates | undefined;
  /** Where the server sees us, by family. */
  readonly #observed = new Map<Family, Endpoint>();
  /** When it said so last. */
  readonly #observedAt = new Map<Family, number>();
  #answers: ServerAnswer[] = [];

  constructor(options: SealedClientOptions) {
    const { own, send, updated, moved, pingIntervalMs = DEFAULT_PING_INTERVAL_MS } = options;
    this.#updated = updated;
    this.#tellMoved = moved;
    this.#pingIntervalMs = pingIntervalMs;
    this.#waitingIntervalMs = pingIntervalMs;
    this.#paths = new ServerPaths(pingIntervalMs);
    this.#keeper = new SessionKeeper(options, this.#paths, {
      firstWant: () => this.#transmitter.firstWant(),
      opened: (...opened) => this.#restart(...opened),
    });
    this.#candidates = new LocalCandidates((peer) =>
      this.#local ? sealCandidates(own, peer, this.#local) : undefined,
    );
    this.#updates = new PeerUpdates((peer, sealed) => openCandidates(own, peer, sealed));
    this.#usesRelay = options.sendBind !== undefined;
    this.#relayBindings = new RelayBindings({
      send: (to, message) => options.sendBind?.(to, message),
      changed: (key) => updated(key),
      lost: (now) => this.#keeper.renew(now),
    });
    this.#transmitter = new Transmitter(
      send,
      this.#paths,
      this.#wantList,
      this.#candidates,
      this.#relayAsks,
    );
  }

  get status(): ServerStatus {
    return this.#keeper.status;
  }

  /** The last measured round trip to the server in milliseconds; undefined before the first. */
  get roundTripMs(): number | undefined {
    return this.#keeper.roundTripMs;
  }

  /** Whether nothing arrived in the session for long: it may be dead, and there is no other yet. */
  get isStalled(): boolean {
    return this.#keeper.session?.isStalled ?? false;
  }

  /** Whether there is a session in which data arrived. */
  get isEstablished(): boolean {
    const session = this.#keeper.session;
    return session?.isConfirmed === true && !session.isStalled;
  }

  /** Wanted peers, by base64 key, that are not on the server's list. */
  get notKept(): string[] {
    return this.#wantList.notKept;
  }

  /** The latest state of a peer, by its base64 key. */
  update(key: string): PeerUpdate | undefined {
    return this.#updates.get(key);
  }

  /** Whether the server observes us over a family, and so discloses that address to peers. */
  isRegistered(family: Family, now: number): boolean {
    const ttlMs = this.#keeper.session?.terms.ttlMs ?? 0;
    return this.#paths.isRegistered(family, now, ttlMs);
  }

  /** Where the server sees us: our endpoints on the outside of our NAT. */
  get observed(): Endpoint[] {
    return [...this.#observed.values()];
  }

  /** The server's other port, where we can be observed as well; 0 where none is known. */
  get otherPort(): number {
    return this.#keeper.session?.terms.otherPort ?? 0;
  }

  /** When the server said last where it sees us over a family. */
  observedAt(family: Family): number | undefined {
    return this.#observedAt.get(family);
  }

  /** Whether the server relays to a peer, by its base64 key; undefined while it does not answer. */
  relaysTo(key: string): boolean | undefined {
    const relays = this.#keeper.session?.terms.relays;
    const isRefused = this.#updates.get(key)?.relayRefusal !== undefined;
    return this.isEstablished ? relays === true && !isRefused : undefined;
  }

  /**
   * Seals the question where the server sees us, to be sent to any of its ports from any of ours;
   * the answer has the same name. Undefined without a session that both sides have.
   */
  question(): { readonly message: Uint8Array; readonly name: string } | undefined {
    const session = this.#keeper.session;
    if (session === undefined || !this.isEstablished) {
      return undefined;
    }
    const frame = new FrameWriter().observe();
    const { transport, remoteIndex } = session.terms;
    const name = questionName(session, transport.sealedCount);
    const message = new Uint8Array(MAX_MESSAGE_LENGTH);
    const length = transport.seal(remoteIndex, frame.bytes, frame.length, message, 0);
    return length < 0 ? undefined : { message: message.subarray(0, length), name };
  }

  /** Opens the answer to a question that was asked elsewhere than where the session is kept. */
  openAnswer(message: Uint8Array): ServerAnswer | undefined {
    const session = this.#sessionOf(message);
    const frame = session && this.#open(session, message);
    return frame?.kind === FRAME.observed ? answerOf(session!, frame) : undefined;
  }

  /** Takes the answers to questions that arrived where the session is kept. */
  takeAnswers(): ServerAnswer[] {
    return this.#answers.splice(0);
  }

  /** The families over which the server is silent, while it answers over another. */
  get silentFamilies(): Family[] {
    return this.isEstablished ? this.#paths.outlived : [];
  }

  /** Sets the families over which there is a way to the server now. */
  useFamilies(families: readonly Family[]): void {
    this.#paths.use(families);
  }

  /** Our address in this family, or the server's, changed. */
  moved(family: Family): void {
    // What was observed may be of another server, or of another port of ours.
    this.#observedAt.delete(family);
    this.#paths.moved(family);
    this.#relayBindings.moved();
  }

  /** Replaces the want list. */
  want(peers: ReadonlyMap<string, { readonly publicKey: PublicKey }>): void {
    this.#wantList.want(peers);
    this.#updates.keepOnly((key) => this.#wantList.has(key));
    this.#candidates.keepOnly((key) => this.#wantList.has(key));
    for (const key of this.#relayAsks.keys.filter((key) => !this.#wantList.has(key))) {
      this.#relayAsks.drop(key);
    }
    this.#relayBindings.keepOnly((key) => this.#wantList.has(key));
  }

  /**
   * Asks the server for a relay to a wanted peer, from now on.
   * @returns why there will be none: the server does not relay, or as many peers are asked for as may be
   */
  askRelay(key: string, publicKey: PublicKey): 'no-relay' | 'too-many' | undefined {
    const session = this.#keeper.session;
    if (!this.#usesRelay || (session !== undefined && !session.terms.relays)) {
      return 'no-relay';
    }
    return this.#relayAsks.ask(key, publicKey) ? undefined : 'too-many';
  }

  /** Asks for no relay to that peer any more: it is reached directly, or is gone. */
  dropRelay(key: string): void {
    this.#relayAsks.drop(key);
    this.#relayBindings.drop(key);
  }

  /** The relay to a peer: its state, where the peer is reached by it, and why the server refuses one. */
  relay(key: string): RelayView {
    return {
      isAsked: this.#relayAsks.has(key),
      state: this.#relayBindings.state(key),
      endpoint: this.#relayBindings.endpoint(key),
      refusal: this.#updates.get(key)?.relayRefusal,
    };
  }

  /** The family over which the server was heard last. */
  get freshestFamily(): Family | undefined {
    return this.#paths.order(0)[0];
  }

  /** Sets the server's address to whose relay ports this client binds. */
  useRelayServer(server: Endpoint | undefined): void {
    this.#relayBindings.useServer(server);
  }

  /** The families in which bound messages can arrive now. */
  get relayFamilies(): ReadonlySet<Family> {
    return this.#relayBindings.families;
  }

  /** Takes in a datagram from a relay port. */
  receivedBound(from: Endpoint, message: Uint8Array, now: number): void {
    this.#relayBindings.received(from, message, now);
  }

  /** Whether a wanted peer is missing, so that a push is awaited: the server is pinged more often then. */
  set isWaiting(isWaiting: boolean) {
    this.#waitingIntervalMs = isWaiting ? WAITING_PING_INTERVAL_MS : this.#pingIntervalMs;
  }

  /** Sets the local candidates, which are sealed to each peer that wants us as well. */
  setLocalCandidates(local: PeerCandidates): void {
    if (
      this.#local &&
      Buffer.compare(encodeCandidates(local), encodeCandidates(this.#local)) === 0
    ) {
      return;
    }
    this.#local = local;
    this.#candidates.addressesChanged();
  }

  /** Makes a ping due at once, because an address of this host changed. */
  refresh(): void {
    this.#paths.pingNow();
    this.#relayBindings.moved();
  }

  /** Begins no handshake any more, and sends bye, again until `isOver`. */
  leave(now: number): void {
    const { session } = this.#keeper;
    if (session !== undefined) {
      // Bye goes out in a stalled session too: the server may have it still.
      session.isStalled = false;
    }
    this.#keeper.leave();
    this.#transmitter.leave();
    this.#transmitter.transmit(session, now, 'all');
  }

  /** Whether the server acknowledged our bye, or there is no session that it could end, nor will be. */
  get isOver(): boolean {
    const { session, isAwaitingResponse } = this.#keeper;
    return (
      !isAwaitingResponse &&
      (session === undefined ||
        this.#transmitter.isByeAcknowledged ||
        this.#transmitter.isByeRefused(session))
    );
  }

  /** Does what is due. */
  work(now: number, wallNow: number, what: Urgency = 'all'): void {
    if (this.#transmitter.isLeaving && this.isOver) {
      return;
    }
    this.#watchServer();
    this.#keeper.work(now, wallNow);
    if (this.#transmitter.transmit(this.#keeper.session, now, what) === 'unanswered') {
      this.#relayBindings.doubted(now);
      this.#keeper.renew(now);
      this.#keeper.work(now, wallNow);
    }
    this.#relayBindings.work(now);
  }

  /** When there is something to do; Infinity for never. */
  get nextAt(): number {
    const session = this.#keeper.session;
    const isQuiet = session === undefined || session.isStalled || this.#paths.isEmpty;
    return Math.min(
      this.#keeper.nextAt,
      this.#relayBindings.nextAt,
      isQuiet ? Number.POSITIVE_INFINITY : this.#transmitter.nextAt,
    );
  }

  /** Takes in a datagram from the server's address and sends what is urgent; `work` does the rest. */
  received(family: Family, message: Uint8Array, now: number, wallNow: number): void {
    const type = messageType(message, 0, message.length);
    if (type === MESSAGE.data) {
      this.#receiveData(family, message, now);
    } else if (type !== 0) {
      this.#keeper.received(type, family, message, now, wallNow);
      this.#receiveAhead(now);
    }
    this.work(now, wallNow, 'urgent');
  }

  /** Overwrites all keys but the client's own: nothing is sent from then on. */
  wipe(): void {
    this.#relayBindings.wipe();
    this.#keeper.wipe();
  }

  #restart(
    { terms, heardAt }: ClientSession,
    family: Family,
    taken: number | undefined,
    observed: Endpoint | undefined,
  ): void {
    this.#wantList.restart(terms.maxWanted, taken, heardAt);
    this.#candidates.restart();
    this.#relayAsks.restart(this.#usesRelay && terms.relays);
    this.#transmitter.restart();
    if (taken === undefined) {
      this.#paths.restart(family);
    } else {
      // A pong says where the server sees us, unless the response did.
      this.#paths.restart(family, observed === undefined ? heardAt : heardAt + CONFIRM_AFTER_MS);
    }
    if (observed !== undefined) {
      this.#seenAt(observed, heardAt);
    }
  }

  /** While peers are relayed, a server that restarts has to be noticed within about a second. */
  #watchServer(): void {
    const isRelaying = this.#relayAsks.keys.some(
      (key) => this.#relayBindings.state(key) !== 'none',
    );
    this.#keeper.isRelaying = isRelaying;
    this.#transmitter.unansweredPings = isRelaying ? RELAYING_PINGS : UNANSWERED_SENDS;
    const intervalMs = Math.min(
      this.#waitingIntervalMs,
      isRelaying ? RELAYING_PING_INTERVAL_MS : Number.POSITIVE_INFINITY,
    );
    this.#paths.pingEvery(intervalMs);
  }

  /** Takes in what overtook the response, once that has come. */
  #receiveAhead(now: number): void {
    if (this.#ahead.length > 0 && this.#keeper.session?.isConfirmed === false) {
      const ahead = this.#ahead;
      this.#ahead = [];
      for (const [family, message] of ahead) {
        this.#receiveData(family, message, now);
      }
    }
  }

  #receiveData(family: Family, message: Uint8Array, now: number): void {
    const localIndex = readUint32(message, OFFSET.data.receiverIndex);
    if (this.#keeper.find(localIndex) === undefined && this.#keeper.isAwaiting(localIndex)) {
      this.#ahead = [...this.#ahead, [family, message.slice()] as const].slice(-MAX_AHEAD);
      return;
    }
    const session = this.#sessionOf(message);
    const frame = session && this.#open(session, message);
    if (session === undefined || frame === undefined) {
      return;
    }
    this.#heard(session, family, frame, now);
    const isCurrent = session === this.#keeper.session;
    switch (frame.kind) {
      case FRAME.peers:
        this.#receivePeers(session, frame, isCurrent, now);
        break;
      case FRAME.pong:
        if (isCurrent) {
          this.#seenAt(frame.endpoint, now);
        }
        break;
      case FRAME.observed:
        // Bounded: a server that repeats itself fills no memory while nobody asks.
        this.#answers = [...this.#answers, answerOf(session, frame)].slice(-MAX_ANSWERS);
        break;
      case FRAME.pathChallenge:
        if (isCurrent) {
          // Our NAT maps us anew, most likely towards relay ports as well.
          this.#relayBindings.moved();
          if (this.isRegistered(family, now)) {
            this.#observed.delete(family);
            this.#tellMoved?.();
          }
          this.#transmitter.respondToChallenge(session, family, frame.token, now);
        }
        break;
      case FRAME.serverAck:
        if (isCurrent) {
          this.#acknowledged(frame.counters);
        }
        break;
    }
  }

  #sessionOf(message: Uint8Array): ClientSession | undefined {
    const isData = messageType(message, 0, message.length) === MESSAGE.data;
    return isData ? this.#keeper.find(readUint32(message, OFFSET.data.receiverIndex)) : undefined;
  }

  #open({ transport }: ClientSession, message: Uint8Array): SealedFrame | undefined {
    const length = transport.open(message, 0, message.length, this.#plaintext);
    return length < 0 ? undefined : decodeSealedFrame(this.#plaintext.subarray(0, length));
  }

  #heard(session: ClientSession, family: Family, frame: SealedFrame, now: number): void {
    this.#keeper.status.answered();
    this.#paths.heard(family);
    if (session === this.#keeper.session) {
      this.#paths.alive(family, now);
    }
    if (frame.kind !== FRAME.pathChallenge && frame.kind !== FRAME.observed) {
      this.#paths.registered(family, now);
    }
    if (!session.isConfirmed) {
      // Only now the server has the session, and accepts what is sent over the other family.
      this.#paths.pingNow(family);
    }
    session.heard(now);
    if (frame.kind === FRAME.pong && this.#paths.pong(family)) {
      this.#wantList.hurry();
    }
  }

  #receivePeers(session: ClientSession, frame: PeersFrame, isCurrent: boolean, now: number): void {
    const madeAt = { session: session.terms.ordinal, counter: session.transport.lastCounter };
    const entries = frame.entries.map((entry) => ({ key: formatPublicKey(entry.key), entry }));
    if (frame.push && isCurrent) {
      this.#transmitter.acknowledge(madeAt.counter);
    } else if (isCurrent) {
      const answers = entries.map(({ key, entry }) => ({ key, notKept: entry.notKept }));
      this.#wantList.answered(frame.counter, answers, now);
      this.#relayAsks.answered(frame.counter);
    }
    for (const { key, entry } of entries.filter(({ key }) => this.#wantList.has(key))) {
      const before = this.#updates.get(key);
      const update = this.#updates.take(key, entry, madeAt);
      if (update !== undefined) {
        this.#apply(key, entry.key, update, now);
        if (frame.push && !isFirstCandidates(before, update)) {
          this.#candidates.repeat(key);
        }
      }
    }
  }

  #seenAt(endpoint: Endpoint, now: number): void {
    const before = this.#observed.get(endpoint.family);
    this.#observed.set(endpoint.family, endpoint);
    this.#observedAt.set(endpoint.family, now);
    if (before !== undefined && !sameEndpoint(before, endpoint)) {
      this.#tellMoved?.();
    }
  }

  #apply(key: string, publicKey: PublicKey, update: PeerUpdate, now: number): void {
    if (update.ipv4 === undefined && update.ipv6 === undefined) {
      this.#candidates.remove(key);
    } else {
      this.#candidates.add(key, publicKey);
    }
    if (update.relay !== undefined) {
      this.#relayBindings.offered(key, update.relay);
    }
    if (update.relayRefusal !== undefined) {
      this.#relayAsks.refused(now);
    }
    this.#updated(key);
  }

  #acknowledged(counters: readonly number[]): void {
    for (const counter of counters) {
      this.#candidates.acknowledged(counter);
      this.#transmitter.acknowledged(counter);
    }
  }
}

/**
 * Whether a push only brings the peer's candidates. Any other push may stand for a peer that left and came
 * back, for which the server has dropped our candidates.
 */
function isFirstCandidates(before: PeerUpdate | undefined, { candidates }: PeerUpdate): boolean {
  return before !== undefined && before.candidates === undefined && candidates !== undefined;
}

/** Counters begin anew in each session. */
function questionName({ terms }: ClientSession, counter: number): string {
  return `${terms.ordinal} ${counter}`;
}

function answerOf(
  session: ClientSession,
  { counter, endpoint, otherPort }: ObservedFrame,
): ServerAnswer {
  return { question: questionName(session, counter), mapped: endpoint, otherPort };
}
