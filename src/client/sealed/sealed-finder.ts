import { randomBytes } from 'node:crypto';
import { sharedSecret } from '../../sealed/diffie-hellman.js';
import { generateKeyPair, type KeyPair } from '../../sealed/key-pair.js';
import type { Family } from '../../wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../../wire/key.js';
import type { Device } from '../../wireguard/device.js';
import type { Answer, Finder, FinderContext, FinderFactory } from '../finder.js';
import { localEndpoints } from '../host-addresses.js';
import { locate, ServerLocator, type ServerName } from '../server-locator.js';
import { ATTEMPTS_PER_TURN, SILENT_RESOLVE_INTERVAL_MS } from '../timing.js';
import { Wake } from '../wake.js';
import { Conversation } from './conversation.js';
import type { PeerNews } from './news.js';
import { OwnKeys } from './own-keys.js';
import { tellStanding } from './problem-texts.js';
import { ServerChannels } from './server-channels.js';
import { followServer } from './server-route.js';

/** Goodbye has so long to be heard. */
const LEAVE_LIMIT_MS = 900;

export interface SealedOptions {
  readonly server: ServerName;
  readonly serverKey: PublicKey;
  readonly interfaceName: string;
  /** Say goodbye at the end, so that peers know at once; else the registration stays until it expires. */
  readonly leaves: boolean;
}

/**
 * Finds peers through a rendezvous server, by the sealed protocol.
 * Throws a RangeError when the server's key is one with which nobody can share a secret.
 */
export function sealedFinder(options: SealedOptions): FinderFactory {
  try {
    sharedSecret(options.serverKey, generateKeyPair().secretKey);
  } catch (cause) {
    throw new RangeError('not a key that a server can have', { cause });
  }
  return (context) => new SealedFinder(options, context);
}

/** Has a conversation with the server, from WireGuard's own port. */
class SealedFinder implements Finder {
  readonly #options: SealedOptions;
  readonly #context: FinderContext;
  readonly #locator: ServerLocator;
  readonly #keys: OwnKeys;
  readonly #channels: ServerChannels;
  readonly #heard = new Wake();
  #conversation: Conversation | undefined;
  /** Whose conversation it is. */
  #own: KeyPair | undefined;
  #isRefreshDue = false;
  #offeredPort = 0;
  #advanceAfter = 2 * ATTEMPTS_PER_TURN;

  constructor(options: SealedOptions, context: FinderContext) {
    this.#options = options;
    this.#context = context;
    this.#locator = new ServerLocator(options.server, () => context.wake());
    this.#keys = new OwnKeys(options.interfaceName, () => context.wake());
    // It takes as long as the first look at the interface, beside which it is read.
    this.#keys.prefetch();
    this.#channels = new ServerChannels(
      (...received) => this.#received(...received),
      context.problems,
    );
  }

  work(device: Device | undefined, now: number): void {
    this.#locator.isAnswering = this.#conversation?.isEstablished ?? false;
    locate(this.#locator, this.#context.problems, now);
    if (device?.publicKey === undefined) {
      void this.#channels.close();
      return;
    }
    const conversation = this.#converse(device.publicKey, now);
    followServer(conversation, this.#locator, this.#channels, device, now);
    if (conversation !== undefined) {
      this.#brief(conversation, device);
      conversation.work(now, Date.now());
      this.#tell(conversation, now);
    }
  }

  nextWorkAt(_now: number): number {
    const isOpen = this.#channels.open.length > 0;
    const conversation = isOpen ? this.#conversation?.nextAt : undefined;
    return Math.min(conversation ?? Number.POSITIVE_INFINITY, this.#keys.nextAt);
  }

  refreshNow(): void {
    this.#isRefreshDue = true;
  }

  async close(): Promise<void> {
    if (this.#options.leaves && this.#conversation !== undefined) {
      await this.#leave(this.#conversation);
    }
    this.#conversation?.wipe();
    this.#keys.close();
    await this.#channels.close();
  }

  async #leave(conversation: Conversation): Promise<void> {
    const end = performance.now() + LEAVE_LIMIT_MS;
    conversation.leave(performance.now());
    for (let left = LEAVE_LIMIT_MS; left > 0 && !conversation.isOver; ) {
      if (this.#channels.open.length === 0) {
        return;
      }
      const now = performance.now();
      await this.#heard.wait(Math.max(0, Math.min(end, conversation.nextAt) - now));
      left = end - performance.now();
      conversation.work(performance.now(), Date.now());
    }
  }

  /** The conversation in the name of the interface's key; undefined until it is read. */
  #converse(publicKey: PublicKey, now: number): Conversation | undefined {
    const { problems } = this.#context;
    const { serverKey } = this.#options;
    if (formatPublicKey(publicKey) === formatPublicKey(serverKey)) {
      problems.raise(
        'server-key',
        "--server-key is this interface's own key: it has to be the server's, which wg-rendezvous pubkey prints",
      );
      this.#end();
      return undefined;
    }
    const own = this.#keys.pairOf(publicKey, now);
    if (this.#keys.error === undefined) {
      problems.clear('private-key');
    } else {
      problems.raiseError('private-key', this.#keys.error);
    }
    if (own !== this.#own) {
      this.#end();
      this.#conversation = own && this.#begin(own);
      this.#own = own;
    }
    return this.#conversation;
  }

  #begin(own: KeyPair): Conversation {
    this.#offeredPort = 0;
    const conversation = new Conversation({
      own,
      server: this.#options.serverKey,
      randomNumber: () => randomBytes(4).readUInt32LE(),
      send: (family, message) => this.#channels.send(family, message),
      told: (name, news) => this.#pass(name, news, performance.now()),
    });
    return conversation;
  }

  #end(): void {
    this.#conversation?.wipe();
    this.#conversation = undefined;
    this.#own = undefined;
  }

  /** Tells the conversation what it is about. */
  #brief(conversation: Conversation, { listenPort }: Device): void {
    conversation.want(this.#context.peers);
    if (this.#isRefreshDue) {
      conversation.refresh();
    }
    if (this.#isRefreshDue || listenPort !== this.#offeredPort) {
      this.#isRefreshDue = false;
      this.#offeredPort = listenPort;
      conversation.offer(localEndpoints(listenPort, this.#options.interfaceName));
    }
  }

  #received(family: Family, payload: Uint8Array): void {
    const now = performance.now();
    this.#context.problems.clear('socket');
    this.#conversation?.received(family, payload, now, Date.now());
    this.#heard.notify();
    this.#context.wake();
  }

  #tell(conversation: Conversation, now: number): void {
    const { server } = this.#options;
    tellStanding(this.#context.problems, server, conversation);
    const { unanswered } = conversation.trouble;
    if (unanswered === 0) {
      this.#advanceAfter = 2 * ATTEMPTS_PER_TURN;
    } else if (unanswered >= this.#advanceAfter) {
      this.#advanceAfter = unanswered + 2 * ATTEMPTS_PER_TURN;
      this.#locator.advance(now + SILENT_RESOLVE_INTERVAL_MS);
    }
    if (conversation.isEstablished) {
      this.#repeat(conversation, now);
    }
  }

  /** What was said stays true until the server says otherwise, also for a peer that was alive meanwhile. */
  #repeat(conversation: Conversation, now: number): void {
    for (const [name, peer] of this.#context.peers) {
      const news = peer.isAlive(now) ? undefined : conversation.news(name);
      if (news !== undefined) {
        this.#pass(name, news, now);
      }
    }
  }

  #pass(name: string, news: PeerNews, now: number): void {
    const peer = this.#context.peers.get(name);
    const isSeenOverIpv6 = this.#conversation?.isRegistered(6, now) ?? false;
    peer?.answered(answerOf(news, isSeenOverIpv6));
    peer?.offered(news.offers);
  }
}

/** IPv6 first where both have it; it is also tried where the peer has nothing else. */
function answerOf({ ipv4, ipv6 }: PeerNews, isSeenOverIpv6: boolean): Answer {
  if (ipv4 === undefined) {
    return ipv6 === undefined ? 'unknown' : [ipv6];
  }
  return ipv6 === undefined || !isSeenOverIpv6 ? [ipv4] : [ipv6, ipv4];
}
