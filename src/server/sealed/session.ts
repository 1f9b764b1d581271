import type { Transport } from '../../sealed/transport.js';
import type { Client } from './client.js';
import type { Path } from './path.js';

/** What a part of a want list comes to; see WantListProgress.take. */
export type PartOutcome = 'malformed' | 'outdated' | 'first' | 'further' | 'last' | 'repeated';

/** Which parts of the newest want list of a session have arrived; a bit for each part. */
export class WantListProgress {
  private version = 0;
  private parts = 0;
  private missing = 0;
  private arrived = new Uint32Array(1);

  /**
   * Notes that a part arrived.
   * @param maxParts of a list, at most
   * @returns `first`: of a newer list, with more parts to come; `last`: the list is complete, also where it
   *   has one part only; `outdated`: of an older list
   */
  take(version: number, part: number, parts: number, maxParts: number): PartOutcome {
    if (part >= parts || parts > maxParts || version === 0) {
      return 'malformed';
    }
    if (version < this.version) {
      return 'outdated';
    }
    const isNew = version > this.version;
    if (isNew) {
      this.version = version;
      this.parts = parts;
      this.missing = parts;
      this.arrived = new Uint32Array((parts + 31) >>> 5);
    } else if (parts !== this.parts) {
      return 'malformed';
    }
    const word = part >>> 5;
    const bit = 1 << (part & 31);
    if ((this.arrived[word]! & bit) !== 0) {
      return 'repeated';
    }
    this.arrived[word]! |= bit;
    this.missing--;
    if (this.missing === 0) {
      return 'last';
    }
    return isNew ? 'first' : 'further';
  }
}

/** What a handshake made. */
export class Session {
  readonly wantList = new WantListProgress();

  /**
   * @param localIndex by which the client names it, and remoteIndex by which the server does
   * @param origin the source of the initiation, which its cookie proved
   * @param endsAt ms
   */
  constructor(
    readonly client: Client,
    readonly localIndex: number,
    readonly remoteIndex: number,
    readonly transport: Transport,
    readonly origin: Path,
    public endsAt: number,
  ) {}

  /** Whether the message that was opened last is newer than all before it. */
  get isNewest(): boolean {
    return this.transport.lastCounter === this.transport.highestCounter;
  }
}
