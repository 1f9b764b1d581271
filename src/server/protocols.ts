import type { HashKey } from '../limits/half-siphash.js';
import type { RateLimiter } from '../limits/rate-limiter.js';
import type { BatchSocket, DatagramBatch } from '../socket/batch-socket.js';
import type { Family } from '../wire/endpoint.js';
import type { ClassicHandler } from './classic/classic-handler.js';
import type { SealedOptions, ServiceLimits } from './options.js';
import { randomWords } from './random-words.js';
import type { SealedHandler } from './sealed/sealed-handler.js';

/** The protocols that share the sockets. */
export class Protocols {
  constructor(
    private readonly classic: ClassicHandler,
    private readonly sealed: SealedHandler | undefined,
  ) {}

  /** Adds a socket; they are numbered from 0 in order. */
  addSocket(socket: BatchSocket): void {
    this.sealed?.addSocket(socket);
  }

  /** Answers a batch, which arrived over the socket with that number, at `now` (monotonic ms). */
  answer(batch: DatagramBatch, count: number, family: Family, socket: number, now: number): void {
    const { classic, sealed } = this;
    if (sealed === undefined) {
      classic.handle(batch, count, family, now);
      return;
    }
    if (sealed.sift(batch, count, family, now) > 0) {
      classic.handle(batch, count, family, now);
    }
    sealed.answer(batch, count, family, socket, now);
  }
}

/**
 * Makes the handler of the sealed protocol; only then is cryptography loaded.
 * @param limiter each source's rate, and the key of the sources' hashes: the classic handler's
 */
export async function createSealedHandler(
  { key, only = false, allow }: SealedOptions,
  limits: ServiceLimits,
  limiter: RateLimiter,
  sourceKey: HashKey,
): Promise<SealedHandler> {
  const { SealedHandler } = await import('./sealed/sealed-handler.js');
  const { maxPeers: maxClients, peerTtlMs: ttlMs } = limits;
  return new SealedHandler(
    { ...limits, maxClients, ttlMs, key, only, allow, limiter, hashKey: sourceKey },
    {
      clock: () => performance.now(),
      wallClock: () => Date.now(),
      randomNumber: randomWords(),
    },
  );
}
