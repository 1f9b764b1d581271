import { ROW, RowArena } from '../classic/row-arena.js';

/** No wish. */
export const NO_WISH = 0;

/** Where each field is in a wish's row. */
export const WISH = {
  /** The name of the key that wishes, and of the one that is wanted. */
  owner: 0,
  peer: 1,
  /** The wish of the peer for the owner, or NO_WISH: only where there is one is anything disclosed. */
  reverse: 2,
  /** The push under way that tells the owner of the peer, or 0. */
  push: 3,
  /** 1 where something changed since that push was sent. */
  stale: 4,
  /** What the owner offers the peer: a number of OfferStore, or 0. */
  offer: 5,
  /** The mark of the owner's latest want list with this wish. */
  mark: 6,
  /** The number of that session in which the latest offer came, and the counter of its message. */
  offerSession: 7,
  offerCounter: 8,
} as const;

export type WishField = (typeof WISH)[keyof typeof WISH];

/** The field that tells a taken row from a free one. */
const TAKEN = ROW.port;

/** Who wants to meet whom, a row of 64 bytes each; rows are linked where two want each other. */
export class Wishes {
  private readonly arena: RowArena;

  /** @param maxWishes rows that will be in use at once, at most */
  constructor(maxWishes: number) {
    this.arena = new RowArena(maxWishes);
  }

  get size(): number {
    return this.arena.size;
  }

  get memory(): number {
    return this.arena.bytes;
  }

  get(wish: number, field: WishField): number {
    return this.arena.words[this.arena.offset(wish) + field]!;
  }

  set(wish: number, field: WishField, value: number): void {
    this.arena.words[this.arena.offset(wish) + field] = value;
  }

  add(owner: number, peer: number, mark: number): number {
    const wish = this.arena.take();
    const at = this.arena.offset(wish);
    const rows = this.arena.words;
    rows.fill(0, at, at + TAKEN);
    rows[at + WISH.owner] = owner;
    rows[at + WISH.peer] = peer;
    rows[at + WISH.mark] = mark;
    rows[at + TAKEN] = 1;
    return wish;
  }

  /** Two wishes that are each other's reverse. */
  link(a: number, b: number): void {
    this.set(a, WISH.reverse, b);
    this.set(b, WISH.reverse, a);
  }

  remove(wish: number): void {
    // A push may still name the row: it must not take what becomes of it for its own.
    this.set(wish, WISH.push, 0);
    this.arena.release(wish);
  }
}
