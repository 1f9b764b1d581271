import type { Endpoint } from '../../wire/endpoint.js';
import type { PublicKey } from '../../wire/key.js';
import type { PeerCandidates } from '../../wire/sealed-candidates.js';
import { AskTimes } from '../ask-times.js';
import type { Answer, SoughtPeer } from '../finder.js';
import { PeerNews } from './peer-news.js';

/** A managed peer about which several servers are asked, each in its own time. Pure. */
export class JoinedPeer {
  readonly news: PeerNews;
  readonly #relayOrder: readonly number[];
  readonly #relayServers: () => readonly number[];
  readonly #askTimes: readonly AskTimes[];
  #isAlive = false;

  /**
   * @param count of servers
   * @param relayOrder their numbers, as both sides order them
   * @param relayServers the numbers of those to ask for a relay now
   */
  constructor(
    readonly peer: SoughtPeer,
    count: number,
    relayOrder: readonly number[],
    relayServers: () => readonly number[],
    now: number,
  ) {
    this.news = new PeerNews(count);
    this.#relayOrder = relayOrder;
    this.#relayServers = relayServers;
    this.#askTimes = Array.from({ length: count }, () => new AskTimes(now));
  }

  /** Call this at each turn: once the peer was alive, requests begin anew. */
  follow(now: number): void {
    const isAlive = this.peer.isAlive(now);
    if (isAlive || this.#isAlive) {
      for (const times of this.#askTimes) {
        times.restart(now);
      }
    }
    this.#isAlive = isAlive;
  }

  /** The peer as the finder of one server sees it. */
  seenBy(server: number): SoughtPeer {
    return new PeerShare(this, server, this.#askTimes[server]!);
  }

  answered(server: number, answer: Answer): void {
    this.news.answered(server, answer);
    // With older endpoints in the list, a connected peer would seem not to have moved.
    const joined = this.#isAlive ? this.news.newest : this.news.all;
    if (joined !== undefined) {
      this.peer.answered(joined);
    }
  }

  offered(server: number, offers: PeerCandidates | undefined): void {
    this.news.offered(server, offers);
    this.peer.offered(this.news.offers);
  }

  needsRelay(server: number, now: number): boolean {
    return this.peer.needsRelay(now) && this.#relayServers().includes(server);
  }

  relayed(server: number, endpoint: Endpoint | undefined): void {
    this.news.relayed(server, endpoint);
    this.peer.relayed(this.news.relay(this.#relayOrder));
  }
}

/** One server's part in a peer. */
class PeerShare implements SoughtPeer {
  readonly #joined: JoinedPeer;
  readonly #server: number;
  readonly #askTimes: AskTimes;

  constructor(joined: JoinedPeer, server: number, askTimes: AskTimes) {
    this.#joined = joined;
    this.#server = server;
    this.#askTimes = askTimes;
  }

  get publicKey(): PublicKey {
    return this.#joined.peer.publicKey;
  }

  /** The latest answer of this server. */
  get answer(): Answer | undefined {
    return this.#joined.news.answerOf(this.#server);
  }

  get askAt(): number {
    return this.#askTimes.askAt;
  }

  isAlive(now: number): boolean {
    return this.#joined.peer.isAlive(now);
  }

  asked(now: number): void {
    this.#askTimes.asked(now);
  }

  answered(answer: Answer): void {
    this.#joined.answered(this.#server, answer);
  }

  offered(candidates: PeerCandidates | undefined): void {
    this.#joined.offered(this.#server, candidates);
  }

  needsRelay(now: number): boolean {
    return this.#joined.needsRelay(this.#server, now);
  }

  relayed(endpoint: Endpoint | undefined): void {
    this.#joined.relayed(this.#server, endpoint);
  }
}
