import { openOffer, sealOffer } from '../../sealed/offer.js';
import { readUint32 } from '../../wire/byte-order.js';
import type { Endpoint, Family } from '../../wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../../wire/key.js';
import { MAX_PLAINTEXT_LENGTH, MESSAGE, messageType, OFFSET } from '../../wire/sealed.js';
import { encodeCandidates } from '../../wire/sealed-candidates.js';
import { decodeFrame, type Frame } from '../../wire/sealed-frame-reader.js';
import { FRAME } from '../../wire/sealed-frames.js';
import { Association, type AssociationOptions } from './association.js';
import { NewsBook, type PeerNews } from './news.js';
import { Offers } from './offers.js';
import { Paths } from './paths.js';
import type { Session } from './session.js';
import { Speaker, type Urgency } from './speaker.js';
import type { Trouble } from './trouble.js';
import { WantList } from './want-list.js';

type PeersFrame = Frame & { kind: typeof FRAME.peers };

export interface ConversationOptions extends AssociationOptions {
  /** What is now known of a peer, by its key in base64. */
  readonly told: (name: string, news: PeerNews) => void;
}

/**
 * The client's side of the sealed protocol (docs/protocol.md): a session with the server, whom we want to
 * meet, what we offer them, and what the server says. Bytes and times come in, bytes go out; times are
 * milliseconds of one monotonic clock, `wallNow` those since 1970 UTC.
 */
export class Conversation {
  readonly #told: (name: string, news: PeerNews) => void;
  readonly #paths = new Paths();
  readonly #association: Association;
  readonly #wantList = new WantList();
  readonly #offers: Offers;
  readonly #news: NewsBook;
  readonly #speaker: Speaker;
  readonly #plaintext = new Uint8Array(MAX_PLAINTEXT_LENGTH);
  /** What we offer, also where that is nothing: peers may have an offer of an earlier run. */
  #local: readonly Endpoint[] | undefined;

  constructor(options: ConversationOptions) {
    const { own, send, told } = options;
    this.#told = told;
    this.#association = new Association(options, this.#paths, (session, family) =>
      this.#restart(session, family),
    );
    this.#offers = new Offers((peer) =>
      this.#local ? sealOffer(own, peer, this.#local) : undefined,
    );
    this.#news = new NewsBook((peer, offer) => openOffer(own, peer, offer));
    this.#speaker = new Speaker(send, this.#paths, this.#wantList, this.#offers);
  }

  get trouble(): Trouble {
    return this.#association.trouble;
  }

  /** Nothing was heard in the session for long: it may be dead, and there is no other yet. */
  get isStalled(): boolean {
    return this.#association.session?.isStalled ?? false;
  }

  /** Whether there is a session in which the server was heard. */
  get isEstablished(): boolean {
    const session = this.#association.session;
    return session?.isConfirmed === true && !session.isStalled;
  }

  /** Wanted peers, by their keys in base64, that are not on the server's list. */
  get notKept(): string[] {
    return this.#wantList.notKept;
  }

  /** What the server said last of a peer, by its key in base64. */
  news(name: string): PeerNews | undefined {
    return this.#news.get(name);
  }

  /** Whether the server sees us over a family, and so tells peers. */
  isRegistered(family: Family, now: number): boolean {
    const ttlMs = this.#association.session?.ttlMs ?? 0;
    return this.#paths.isRegistered(family, now, ttlMs);
  }

  /** Over which families the server is silent, while it answers over another. */
  get silentFamilies(): Family[] {
    return this.isEstablished ? this.#paths.outlived : [];
  }

  /** Over which families there is a way to the server now. */
  useFamilies(families: readonly Family[]): void {
    this.#paths.use(families);
  }

  /** Our place, or the server's, is another in this family. */
  moved(family: Family): void {
    this.#paths.moved(family);
  }

  /** From now on we want to meet these peers, by their keys in base64, and no others. */
  want(peers: ReadonlyMap<string, { readonly publicKey: PublicKey }>): void {
    this.#wantList.want(peers);
    this.#news.keepOnly((name) => this.#wantList.has(name));
    this.#offers.keepOnly((name) => this.#wantList.has(name));
  }

  /** What we offer to peers that want to meet us as well: our local addresses. The same again is no news. */
  offer(local: readonly Endpoint[]): void {
    if (
      this.#local &&
      Buffer.compare(encodeCandidates(local), encodeCandidates(this.#local)) === 0
    ) {
      return;
    }
    this.#local = local;
    this.#offers.addressesChanged();
  }

  /** The server is to hear from us at once. */
  refresh(): void {
    this.#paths.pingNow();
  }

  /** Says goodbye, as long as it takes: until isOver. */
  leave(now: number): void {
    this.#speaker.leave();
    this.#speaker.speak(this.#association.session, now, 'all');
  }

  /** Whether goodbye was said and heard, or there is nobody to say it to. */
  get isOver(): boolean {
    const session = this.#association.session;
    return session === undefined || this.#speaker.isDone || this.#speaker.isForgotten(session);
  }

  /** Does what is due. */
  work(now: number, wallNow: number, what: Urgency = 'all'): void {
    if (this.#speaker.isLeaving && this.isOver) {
      return;
    }
    this.#association.work(now, wallNow);
    if (this.#speaker.speak(this.#association.session, now, what) === 'unanswered') {
      this.#association.renew(now);
      this.#association.work(now, wallNow);
    }
  }

  /** When there is something to do, if nothing happens before; Infinity for never. */
  get nextAt(): number {
    const session = this.#association.session;
    const spoken = session === undefined || session.isStalled || this.#paths.isEmpty;
    return Math.min(
      this.#association.nextAt,
      spoken ? Number.POSITIVE_INFINITY : this.#speaker.nextAt,
    );
  }

  /** Takes in a datagram from the server's address, and answers it; what can wait is left to `work`. */
  received(family: Family, message: Uint8Array, now: number, wallNow: number): void {
    const type = messageType(message, 0, message.length);
    if (type === MESSAGE.data) {
      this.#open(family, message, now);
    } else if (type !== 0) {
      this.#association.received(type, family, message, now, wallNow);
    }
    this.work(now, wallNow, 'urgent');
  }

  /** Overwrites all keys but the client's own, and ends it: nothing is sent from then on. */
  wipe(): void {
    this.#association.wipe();
  }

  /** There is a new session, from a handshake over that family. */
  #restart({ maxWanted }: Session, family: Family): void {
    this.#wantList.restart(maxWanted);
    this.#offers.restart();
    this.#paths.restart(family);
    this.#speaker.restart();
  }

  #open(family: Family, message: Uint8Array, now: number): void {
    const session = this.#association.find(readUint32(message, OFFSET.data.receiver));
    const length = session?.transport.open(message, 0, message.length, this.#plaintext) ?? -1;
    const frame = length < 0 ? undefined : decodeFrame(this.#plaintext.subarray(0, length));
    if (session === undefined || frame === undefined) {
      return;
    }
    this.#heard(session, family, frame, now);
    const isCurrent = session === this.#association.session;
    switch (frame.kind) {
      case FRAME.peers:
        this.#peersCame(session, frame, isCurrent, now);
        break;
      case FRAME.challenge:
        if (isCurrent) {
          this.#speaker.prove(session, family, frame.token, now);
        }
        break;
      case FRAME.serverAck:
        if (isCurrent) {
          this.#acknowledged(frame.counters);
        }
        break;
    }
  }

  #heard(session: Session, family: Family, frame: Frame, now: number): void {
    this.#association.trouble.answered();
    this.#paths.heard(family);
    if (session === this.#association.session) {
      this.#paths.alive(family, now);
    }
    if (frame.kind !== FRAME.challenge) {
      this.#paths.registered(family, now);
    }
    if (!session.isConfirmed) {
      // Only now the session exists on the other side, so that what is sent over another family finds it.
      this.#paths.pingNow(family);
    }
    session.heard(now);
    if (frame.kind === FRAME.pong && this.#paths.pong(family, frame.endpoint)) {
      this.#wantList.hurry();
    }
  }

  #peersCame(session: Session, frame: PeersFrame, isCurrent: boolean, now: number): void {
    const counter = session.transport.lastCounter;
    if (frame.push && isCurrent) {
      this.#speaker.acknowledge(counter);
    }
    const entries = frame.entries.map((entry) => ({ name: formatPublicKey(entry.key), ...entry }));
    if (!frame.push && isCurrent) {
      this.#wantList.answered(frame.counter, entries, now);
    }
    for (const { name, ...entry } of entries) {
      if (!this.#wantList.has(name)) {
        continue;
      }
      const before = this.#news.get(name);
      const news = this.#news.take(name, entry, { session: session.ordinal, counter });
      if (news !== undefined) {
        this.#believe(name, entry.key, news);
        if (frame.push && !isFirstOffer(before, news)) {
          this.#offers.repeat(name);
        }
      }
    }
  }

  #believe(name: string, key: PublicKey, news: PeerNews): void {
    if (news.ipv4 === undefined && news.ipv6 === undefined) {
      this.#offers.part(name);
    } else {
      this.#offers.meet(name, key);
    }
    this.#told(name, news);
  }

  #acknowledged(counters: readonly number[]): void {
    for (const counter of counters) {
      this.#offers.acknowledged(counter);
      this.#speaker.acknowledged(counter);
    }
  }
}

/**
 * Whether a push only brings the peer's offer. Any other may stand for a peer that left and came back, as
 * one entry, and with which the server dropped our offer to it.
 */
function isFirstOffer(before: PeerNews | undefined, { offers }: PeerNews): boolean {
  return before?.offers.length === 0 && offers.length > 0;
}
