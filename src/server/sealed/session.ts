import type { Transport } from '../../sealed/transport.js';
import type { Client } from './client.js';
import type { Path } from './path.js';

/** What a handshake made. */
export class Session {
  /** The counters of the latest message that changed the list of wishes, and of the latest that took away. */
  lastChange = -1;
  lastRemoval = -1;

  /**
   * @param number by which the client names it, and theirs by which we do
   * @param origin where the initiation came from, which is proven thereby
   * @param endsAt ms
   */
  constructor(
    readonly client: Client,
    readonly number: number,
    readonly theirs: number,
    readonly transport: Transport,
    readonly origin: Path,
    public endsAt: number,
  ) {}

  /** Whether the message that was opened last is newer than all before it. */
  get isNewest(): boolean {
    return this.transport.lastCounter === this.transport.highestCounter;
  }
}
