/** The effect of a part of a want list; see WantListProgress.take. */
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
