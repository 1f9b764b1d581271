import type { Family } from '../../wire/endpoint.js';
import { TAI64N_LENGTH } from '../../wire/tai64n.js';
import type { Path } from './path.js';
import { Pushes } from './pushes.js';
import type { Session } from './session.js';
import type { Timed } from './timer-wheel.js';

const FAMILIES: readonly Family[] = [4, 6];

/** A key whose holder has proven himself, and what the server knows of him. */
export class Client implements Timed {
  /** Belongs to the timer wheel. */
  dueAt = Number.POSITIVE_INFINITY;
  /** Where it was heard, over each family. */
  readonly paths: Record<Family, Path | undefined> = { 4: undefined, 6: undefined };
  /** The wishes for the peers it wants, by the names of their keys. */
  readonly wishes = new Map<number, number>();
  /** What it is still to be told. */
  readonly pushes = new Pushes();

  /** The latest timestamp of an initiation. */
  readonly timestamp = new Uint8Array(TAI64N_LENGTH);
  /** The session that has taken over; its predecessor, for a while; the one that is not confirmed. */
  current: Session | undefined;
  previous: Session | undefined;
  next: Session | undefined;
  /** The number of the session that has taken over; each one's is one higher than the last one's. */
  sessionNumber = 0;
  /** Marks the wishes of its newest want list; each list has a mark of its own. */
  listMark = 0;
  /** When its allowance of messages is full again (see RateLimiter). */
  allowanceFullAt = 0;
  /** When its peers were last told that it moved, over each family; when they are told of what was put off. */
  readonly moveToldAt: Record<Family, number> = {
    4: Number.NEGATIVE_INFINITY,
    6: Number.NEGATIVE_INFINITY,
  };
  tellAt = Number.POSITIVE_INFINITY;
  /** It was forgotten: whoever still holds it is to leave it alone. */
  isGone = false;

  /**
   * @param name of its key, in KeyNames
   * @param source the hash of the source whose share it counts against: that which brought it, until one
   *   has proven to be the client's; see Directory.charge
   */
  constructor(
    readonly name: number,
    public source: number,
  ) {}

  /** Whether it was heard from a proven source, and not too long ago. */
  get isRegistered(): boolean {
    return this.paths[4] !== undefined || this.paths[6] !== undefined;
  }

  /** The path it was heard on last; undefined when it is not registered. */
  get freshestPath(): Path | undefined {
    const { 4: ipv4, 6: ipv6 } = this.paths;
    return ipv4 !== undefined && (ipv6 === undefined || ipv4.heardAt >= ipv6.heardAt) ? ipv4 : ipv6;
  }

  /** Removes the paths that were not heard since `before` (ms); whether there were any. */
  dropPaths(before: number): boolean {
    let dropped = false;
    for (const family of FAMILIES) {
      const path = this.paths[family];
      if (path !== undefined && path.heardAt <= before) {
        this.paths[family] = undefined;
        dropped = true;
      }
    }
    return dropped;
  }
}
