import { type HashKey, halfSipHash } from '../../limits/half-siphash.js';
import { PORT_WORD } from '../../socket/datagram-batch.js';
import type { ProvenPath } from '../sealed/proven-path.js';
import type { Side } from './allocations.js';

/** An address of four words, then its port and the socket in one. */
const HASHED_WORDS = PORT_WORD + 1;

const SOCKET_SHIFT = 16;

/** The sides by their bound sources. A source is bound once at a socket. */
export class Bindings<User> {
  private readonly byHash = new Map<number, Side<User>>();
  private readonly words = new Uint32Array(HASHED_WORDS);
  private count = 0;

  constructor(private readonly hashKey: HashKey) {}

  /** Sides that are bound. */
  get size(): number {
    return this.count;
  }

  /** The side that is bound to the source of a slot, over the socket with that number. */
  find(addresses: Uint32Array, addressAt: number, socket: number): Side<User> | undefined {
    let side = this.byHash.get(this.hash(addresses, addressAt, socket));
    while (side !== undefined && !isBoundTo(side, addresses, addressAt, socket)) {
      side = side.next;
    }
    return side;
  }

  /** Binds a side to a source that its client has proven, and unbinds any other side from it. */
  bind(side: Side<User>, path: ProvenPath): void {
    this.unbind(side);
    const { addresses, socket } = path;
    const before = this.find(addresses, 0, socket);
    if (before !== undefined) {
      this.unbind(before);
    }
    side.path = path;
    side.pathHash = this.hash(addresses, 0, socket);
    side.next = this.byHash.get(side.pathHash);
    this.byHash.set(side.pathHash, side);
    this.count++;
  }

  unbind(side: Side<User>): void {
    if (side.path === undefined) {
      return;
    }
    side.path = undefined;
    this.count--;
    const first = this.byHash.get(side.pathHash);
    if (first !== side) {
      let before = first;
      while (before !== undefined && before.next !== side) {
        before = before.next;
      }
      before!.next = side.next;
    } else if (side.next === undefined) {
      this.byHash.delete(side.pathHash);
    } else {
      this.byHash.set(side.pathHash, side.next);
    }
    side.next = undefined;
  }

  /** The sides that were not heard since `before` (ms). */
  idle(before: number): Side<User>[] {
    const idle: Side<User>[] = [];
    for (const first of this.byHash.values()) {
      for (let side: Side<User> | undefined = first; side !== undefined; side = side.next) {
        if (side.path!.heardAt <= before) {
          idle.push(side);
        }
      }
    }
    return idle;
  }

  private hash(addresses: Uint32Array, addressAt: number, socket: number): number {
    const { words } = this;
    for (let i = 0; i < PORT_WORD; i++) {
      words[i] = addresses[addressAt + i]!;
    }
    words[PORT_WORD] = addresses[addressAt + PORT_WORD]! | (socket << SOCKET_SHIFT);
    return halfSipHash(words, 0, HASHED_WORDS, this.hashKey);
  }
}

/** Whether a side is bound to the source of a slot, over the socket with that number. */
export function isBoundTo(
  { path }: Side<unknown>,
  addresses: Uint32Array,
  addressAt: number,
  socket: number,
): boolean {
  return path !== undefined && path.socket === socket && path.isFrom(addresses, addressAt);
}
