import type { HashKey } from '../../limits/half-siphash.js';
import { SourceShare } from '../../limits/source-share.js';
import type { Family } from '../../wire/endpoint.js';
import { wantParts } from '../../wire/sealed-frames.js';
import { Client } from './client.js';
import { KeyNames, NO_NAME } from './key-names.js';
import { NO_OFFER, OfferStore } from './offer-store.js';
import { Path } from './path.js';
import { NO_WISH, WISH, Wishes } from './wishes.js';

export interface DirectoryOptions {
  readonly maxClients: number;
  /** Peers that one client may want. */
  readonly maxWanted: number;
  /** Wishes and offers of all clients together. */
  readonly maxWishes: number;
  readonly maxOffers: number;
  /** The most that one source can hold of each, above 0 and below 1. */
  readonly sourceShare: number;
  readonly hashKey: HashKey;
}

/** A client's moves within one family are told its peers no closer together than this. */
export const MOVE_INTERVAL_MS = 1000;

/** What a wish may disclose about its peer; see Directory.about. */
export interface Disclosure {
  readonly peer: Client;
  /** The number of the peer's offer to the owner of the wish, or NO_OFFER. */
  readonly offer: number;
}

/**
 * Who the clients are, where they were heard, whom they want to meet and what they offer each other; and
 * who is to be told of whom. A client's place is disclosed where both want each other, and only there.
 */
export class Directory {
  /** Clients with news that may be told now. */
  readonly ready = new Set<Client>();
  readonly names: KeyNames;
  readonly wishes: Wishes;
  readonly offers: OfferStore;
  private readonly byName = new Map<number, Client>();
  private readonly clientShare: SourceShare;
  private readonly wishShare: SourceShare;
  private readonly offerShare: SourceShare;

  constructor(private readonly options: DirectoryOptions) {
    const { maxClients, maxWishes, maxOffers, sourceShare, hashKey } = options;
    this.names = new KeyNames(maxClients + maxWishes, hashKey);
    this.wishes = new Wishes(maxWishes);
    this.offers = new OfferStore(maxOffers);
    this.clientShare = new SourceShare(sourceShare, maxClients);
    this.wishShare = new SourceShare(sourceShare, maxWishes);
    this.offerShare = new SourceShare(sourceShare, maxOffers);
  }

  /** Clients, with those that have not registered yet. */
  get size(): number {
    return this.byName.size;
  }

  /** Parts of a want list, at most. */
  get maxListParts(): number {
    return wantParts(this.options.maxWanted);
  }

  /** All clients; a client may be forgotten on the way. */
  get clients(): Iterable<Client> {
    return this.byName.values();
  }

  /** The client with the key in 8 words at keyAt. */
  find(keys: Uint32Array, keyAt: number): Client | undefined {
    const name = this.names.find(keys, keyAt);
    return name === NO_NAME ? undefined : this.byName.get(name);
  }

  /** Makes a client of a key that is none; undefined when there is no room for one of this source. */
  add(keys: Uint32Array, keyAt: number, source: number): Client | undefined {
    if (!this.clientShare.admits(source, this.options.maxClients - this.size)) {
      return undefined;
    }
    this.clientShare.add(source);
    const client = new Client(this.names.hold(keys, keyAt), source);
    this.byName.set(client.name, client);
    return client;
  }

  /**
   * Counts a client that is not registered yet against the source that it is heard from, where that has
   * room: whoever replays its initiation has brought it, too. One with wishes stays where those count.
   */
  charge(client: Client, source: number): void {
    if (
      source !== client.source &&
      client.wishes.size === 0 &&
      this.clientShare.admits(source, this.options.maxClients - this.size)
    ) {
      this.clientShare.remove(client.source);
      this.clientShare.add(source);
      client.source = source;
    }
  }

  /** Removes a client and all that it wanted; those who may know are to be told. */
  forget(client: Client): void {
    client.isGone = true;
    client.paths[4] = undefined;
    client.paths[6] = undefined;
    for (const wish of client.wishes.values()) {
      this.withdraw(client, wish);
    }
    client.wishes.clear();
    this.ready.delete(client);
    this.byName.delete(client.name);
    this.names.release(client.name);
    this.clientShare.remove(client.source);
  }

  /**
   * A client was heard from a proven source. Those who may know are to be told when that is news: at once,
   * or at client.tellAt, as one datagram that moves a client may cost one for each of its peers.
   */
  hear(
    client: Client,
    family: Family,
    addresses: Uint32Array,
    addressAt: number,
    socket: number,
    now: number,
  ): void {
    const path = client.paths[family];
    if (path?.isFrom(addresses, addressAt)) {
      path.hear(addresses, addressAt, socket, now);
      return;
    }
    const moved = new Path(family, addresses, addressAt, socket, now);
    moved.forgeriesFullAt = path?.forgeriesFullAt ?? 0;
    client.paths[family] = moved;
    const mayTellAt = client.moveToldAt[family] + MOVE_INTERVAL_MS;
    if (path === undefined) {
      this.tellPeersOf(client);
    } else if (mayTellAt <= now) {
      client.moveToldAt[family] = now;
      this.tellPeersOf(client);
    } else {
      client.tellAt = Math.min(client.tellAt, mayTellAt);
    }
  }

  /** Tells those who may know of the moves that were put off. */
  tellMoves(client: Client, now: number): void {
    client.tellAt = Number.POSITIVE_INFINITY;
    client.moveToldAt[4] = now;
    client.moveToldAt[6] = now;
    this.tellPeersOf(client);
  }

  /** Drops the paths not heard since `before` (ms); a client without any is left for the caller to forget. */
  dropPaths(client: Client, before: number): void {
    if (client.dropPaths(before)) {
      this.tellPeersOf(client);
    }
  }

  /** A newer want list of a client begins. Until it ends, wishes of the list before it stay. */
  beginList(client: Client): void {
    client.listMark = (client.listMark + 1) >>> 0;
  }

  /** Marks a wish, if there is one for the key in 8 words at keyAt, as one of the newest list. */
  keepWish(client: Client, keys: Uint32Array, keyAt: number): void {
    const wish = client.wishes.get(this.names.find(keys, keyAt));
    if (wish !== undefined) {
      this.wishes.set(wish, WISH.mark, client.listMark);
    }
  }

  /** A client's newest want list is complete: wishes that are not in it are withdrawn. */
  endList(client: Client): void {
    for (const [name, wish] of client.wishes) {
      if (this.wishes.get(wish, WISH.mark) !== client.listMark) {
        client.wishes.delete(name);
        this.withdraw(client, wish);
      }
    }
  }

  /**
   * A client wants to meet the key in 8 words at keyAt; if that is mutual now, the peer is to be told.
   * @returns the wish; NO_WISH when it is not kept, because there is no room or it is its own key
   */
  want(client: Client, keys: Uint32Array, keyAt: number): number {
    const known = this.names.find(keys, keyAt);
    const before = known === NO_NAME ? undefined : client.wishes.get(known);
    if (before !== undefined) {
      this.wishes.set(before, WISH.mark, client.listMark);
      return before;
    }
    if (known === client.name || !this.admitsWish(client)) {
      return NO_WISH;
    }
    const name = this.names.hold(keys, keyAt);
    const wish = this.wishes.add(client.name, name, client.listMark);
    client.wishes.set(name, wish);
    this.wishShare.add(client.source);
    const reverse = this.byName.get(name)?.wishes.get(client.name);
    if (reverse !== undefined) {
      this.wishes.link(wish, reverse);
      this.tell(reverse);
    }
    return wish;
  }

  /**
   * Keeps what a client offers to the key in 8 words at keyAt, where the two want each other; else it is
   * dropped, as it is when there is no room.
   * @param counter of the message in the client's current session
   * @returns false when it is older than the one before, and so ignored
   */
  offer(
    client: Client,
    keys: Uint32Array,
    keyAt: number,
    source: Uint8Array,
    sourceAt: number,
    counter: number,
  ): boolean {
    const wish = client.wishes.get(this.names.find(keys, keyAt));
    const reverse = wish === undefined ? NO_WISH : this.wishes.get(wish, WISH.reverse);
    if (wish === undefined || reverse === NO_WISH) {
      return true;
    }
    if (this.hasNewerOffer(wish, client, counter)) {
      return false;
    }
    this.wishes.set(wish, WISH.offerSession, client.sessionNumber);
    this.wishes.set(wish, WISH.offerCounter, counter);
    const before = this.wishes.get(wish, WISH.offer);
    if (before !== NO_OFFER) {
      if (this.offers.replace(before, source, sourceAt)) {
        this.tell(reverse);
      }
    } else if (this.offerShare.admits(client.source, this.options.maxOffers - this.offers.size)) {
      this.offerShare.add(client.source);
      this.wishes.set(wish, WISH.offer, this.offers.add(source, sourceAt));
      this.tell(reverse);
    }
    return true;
  }

  /** What may be disclosed to the owner of a wish; undefined where there is nothing. */
  about(wish: number): Disclosure | undefined {
    const reverse = this.wishes.get(wish, WISH.reverse);
    const peer =
      reverse === NO_WISH ? undefined : this.byName.get(this.wishes.get(reverse, WISH.owner));
    return peer?.isRegistered ? { peer, offer: this.wishes.get(reverse, WISH.offer) } : undefined;
  }

  private hasNewerOffer(wish: number, client: Client, counter: number): boolean {
    const { wishes } = this;
    return (
      wishes.get(wish, WISH.offerSession) === client.sessionNumber &&
      wishes.get(wish, WISH.offerCounter) > counter
    );
  }

  /** The owner of a wish is to be told of its peer: now, or after what is on its way already. */
  private tell(wish: number): void {
    if (this.wishes.get(wish, WISH.push) !== 0) {
      this.wishes.set(wish, WISH.stale, 1);
      return;
    }
    const owner = this.byName.get(this.wishes.get(wish, WISH.owner))!;
    owner.pushes.news.add(wish);
    this.ready.add(owner);
  }

  private tellPeersOf(client: Client): void {
    for (const wish of client.wishes.values()) {
      const reverse = this.wishes.get(wish, WISH.reverse);
      if (reverse !== NO_WISH) {
        this.tell(reverse);
      }
    }
  }

  private withdraw(client: Client, wish: number): void {
    const { wishes } = this;
    const reverse = wishes.get(wish, WISH.reverse);
    this.removeOffer(client, wish);
    if (reverse !== NO_WISH) {
      const peer = this.byName.get(wishes.get(reverse, WISH.owner))!;
      this.removeOffer(peer, reverse);
      wishes.set(reverse, WISH.reverse, NO_WISH);
      this.tell(reverse);
    }
    client.pushes.news.delete(wish);
    this.names.release(wishes.get(wish, WISH.peer));
    wishes.remove(wish);
    this.wishShare.remove(client.source);
  }

  private removeOffer(client: Client, wish: number): void {
    const offer = this.wishes.get(wish, WISH.offer);
    if (offer !== NO_OFFER) {
      this.wishes.set(wish, WISH.offer, NO_OFFER);
      this.offers.remove(offer);
      this.offerShare.remove(client.source);
    }
  }

  private admitsWish(client: Client): boolean {
    const { maxWanted, maxWishes } = this.options;
    return (
      client.wishes.size < maxWanted &&
      this.wishShare.admits(client.source, maxWishes - this.wishes.size)
    );
  }
}
