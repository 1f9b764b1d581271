import { randomBytes } from 'node:crypto';
import type { ClassicHandler } from '../classic/classic-handler.js';
import type { EndpointTable } from '../classic/endpoint-table.js';
import type { AllowList } from '../sealed/allow-list.js';
import type { SealedHandler } from '../sealed/sealed-handler.js';
import { ClassicSharing } from './classic-sharing.js';
import type { Sharer } from './commands.js';
import { SERVER_ID_LENGTH, SERVERS_CHANNEL } from './entries.js';
import { SealedSharing } from './sealed-sharing.js';
import { noStoreCounts, type StoreCounts, type StoreSizes } from './store-counts.js';
import { printable, StoreLink } from './store-link.js';
import type { StoreAddress } from './store-url.js';
import { WriteGate } from './write-gate.js';

/** Events of a store. */
export interface StoreEvents {
  /** The store was reached, for the first time or again. */
  readonly onStoreUp?: () => void;
  /** It cannot be reached, and why. */
  readonly onStoreDown?: (reason: string) => void;
  /** It refuses writes, with its error message; undefined once it accepts them again. */
  readonly onStoreWrites?: (refusal: string | undefined) => void;
}

export interface StoreOptions {
  readonly address: StoreAddress;
  readonly ttlMs: number;
  /** The keys that may register here; all when it returns undefined. */
  allow(): AllowList | undefined;
}

/** What a server shares with others through a store. */
export class Store {
  readonly counts: StoreCounts = noStoreCounts();
  private readonly sealed: SealedSharing | undefined;
  private readonly classic: ClassicSharing | undefined;
  private readonly sharers: readonly Sharer[];
  private readonly link: StoreLink;
  private refusal: string | undefined;
  private isPushDue = false;

  constructor(
    { address, ttlMs, allow }: StoreOptions,
    private readonly handler: SealedHandler | undefined,
    classic: { readonly table: EndpointTable; readonly handler: ClassicHandler } | undefined,
    events: StoreEvents,
  ) {
    const server = randomBytes(SERVER_ID_LENGTH).toString('latin1');
    const { counts } = this;
    const onWrites = (refusal: string | undefined) => {
      const words = refusal && printable(refusal, address.password);
      if (words !== this.refusal) {
        this.refusal = words;
        events.onStoreWrites?.(words);
      }
    };
    const gate = new WriteGate(onWrites);
    this.sealed =
      handler && new SealedSharing(handler.directory, { server, ttlMs, counts, allow, gate });
    if (classic !== undefined) {
      const wallClock = () => Date.now();
      this.classic = new ClassicSharing(classic.table, { ttlMs, counts, gate, wallClock });
      classic.handler.elsewhere = this.classic;
    }
    this.sharers = [this.sealed, this.classic].filter((it) => it !== undefined);
    const onMessage = (channel: string, message: Uint8Array, now: number) => {
      if (channel === SERVERS_CHANNEL) {
        this.sealed?.announced(message, now);
      } else {
        this.sealed?.receive(message, now);
      }
      this.afterwards();
    };
    this.link = new StoreLink(
      address,
      server,
      this.sharers,
      {
        onMessage,
        onUp: () => {
          this.refusal = undefined;
          gate.reset();
          events.onStoreUp?.();
        },
        onDown: (reason) => events.onStoreDown?.(reason),
      },
      counts,
    );
  }

  get sizes(): StoreSizes {
    const { link, sealed } = this;
    return {
      up: link.isUp ? 1 : 0,
      writable: link.isUp && this.refusal === undefined ? 1 : 0,
      inFlight: link.inFlight,
      queued: this.sharers.reduce((sum, { queued }) => sum + queued, 0),
      servers: sealed?.sizes.servers ?? 0,
      remotePeers: sealed?.sizes.remotePeers ?? 0,
    };
  }

  /** Call this after each batch: sends its changes. */
  flush(): void {
    this.link.flush();
  }

  /** Call this about every 50 ms. */
  tick(now: number): void {
    this.sealed?.tick(now);
    this.classic?.tick(now);
    this.link.flush();
  }

  close(): Promise<void> {
    return this.link.close();
  }

  /** Several messages arrive at once: what they change is pushed and answered together. */
  private afterwards(): void {
    if (!this.isPushDue) {
      this.isPushDue = true;
      setImmediate(() => {
        this.isPushDue = false;
        this.handler?.push(performance.now());
        this.link.flush();
      });
    }
  }
}
