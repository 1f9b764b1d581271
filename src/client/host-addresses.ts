import { networkInterfaces } from 'node:os';

/** Notices that an address of this host came or went. */
export class HostAddresses {
  #seen = '';

  /** Whether they are others than at the last call; true the first time. */
  haveChanged(): boolean {
    const now = JSON.stringify(
      Object.entries(networkInterfaces()).map(([name, list]) => [
        name,
        list?.map(({ address }) => address),
      ]),
    );
    const changed = now !== this.#seen;
    this.#seen = now;
    return changed;
  }
}
