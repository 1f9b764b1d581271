import { ADDRESS_LENGTH, type Family, formatAddress } from '../wire/endpoint.js';
import { addressScope, SCOPE } from '../wire/endpoint-scope.js';

/** How long all keys must come from one address before that is reported. */
const WATCH_MS = 60_000;

/** Fewer keys may well belong to one host. */
const MIN_KEYS = 2;

/**
 * Notices that all keys register from one private address: then something in front of the server, such
 * as the UDP proxy of a container, hides where they come from, and no peer can reach another.
 */
export class SourceMonitor {
  private address: Uint8Array | undefined;
  private since = 0;
  /** Two addresses were seen, or the one was reported: nothing more to do. */
  private isDone = false;

  /** A key registered from the address at `at` (network order) at `now` (ms). */
  note(addresses: Uint8Array, at: number, family: Family, now: number): void {
    if (this.isDone) {
      return;
    }
    const address = addresses.subarray(at, at + ADDRESS_LENGTH[family]);
    if (this.address === undefined) {
      this.address = address.slice();
      this.since = now;
      this.isDone = addressScope(address, 0, family) !== SCOPE.private;
    } else {
      this.isDone = Buffer.compare(this.address, address) !== 0;
    }
  }

  /**
   * The private address that all keys have come from for a minute; once.
   * @param keys registered now
   */
  report(keys: number, now: number): string | undefined {
    const { address } = this;
    const isDue = address !== undefined && keys >= MIN_KEYS && now - this.since >= WATCH_MS;
    if (this.isDone || !isDue) {
      return undefined;
    }
    this.isDone = true;
    return formatAddress(address);
  }
}
