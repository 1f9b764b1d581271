import { randomInt } from 'node:crypto';
import { type Endpoint, sameEndpoint } from '../../wire/endpoint.js';
import type { Device } from '../../wireguard/device.js';
import { setListenPort } from '../../wireguard/wg-tool.js';
import type { Problems } from '../problems.js';
import type { MovedFlow } from './flow-script.js';
import { FlowTranslation } from './flow-translation.js';
import type { HardNatPeer } from './hard-nat.js';
import { HardNatRunner } from './hard-nat-runner.js';
import type { ProbeExchange } from './probe-exchange.js';

/** WireGuard ends a session after this long (REJECT_AFTER_TIME): a path without one is not in use. */
const SESSION_MS = 180_000;

/**
 * What probes of the sockets say: this side starts the handshake, in a moment. WireGuard's own packets do not take
 * this way yet, and a handshake that the peer started would end at a socket.
 */
const INTENT = 'committed';

export interface HardNatPathsOptions {
  readonly interfaceName: string;
  readonly probes: ProbeExchange;
  readonly problems: Problems;
  /** A number for a request that no other of this run has, greater each time. */
  nextTransaction(): number;
  /** Milliseconds of the clock of `work`. */
  now(): number;
  /** WireGuard's packets to the peer with this base64 key take a way that got through. */
  opened(key: string): void;
  /** There may be something to do. */
  wake(): void;
}

/** Paths through NATs with endpoint-dependent mapping, for the peers of an interface. */
export class HardNatPaths {
  readonly #translation: FlowTranslation;
  readonly #runner: HardNatRunner;
  readonly #tried = new Set<string>();
  readonly #problems: Problems;
  /** What fails, by the peer's key; of all of them where that is empty. */
  readonly #failures = new Map<string, string>();
  readonly #now: () => number;
  #device: Device | undefined;
  #isAdopted = false;

  constructor(options: HardNatPathsOptions) {
    const { interfaceName, probes, problems, nextTransaction, now, opened, wake } = options;
    this.#now = now;
    this.#problems = problems;
    this.#translation = new FlowTranslation(interfaceName);
    this.#runner = new HardNatRunner({
      translation: this.#translation,
      random: (below) => randomInt(below),
      now,
      link: {
        sendProbe: (key, to) =>
          probes.send(key, { to, intent: 'waiting', transaction: nextTransaction() }, now()),
        encodeProbe: (key) => probes.seal(key, { intent: INTENT, transaction: nextTransaction() }),
        read: (key, payload, from) => {
          const probe = probes.open(key, payload);
          if (probe === undefined) {
            return undefined;
          }
          const { transaction, observed } = probe;
          const answer =
            observed === undefined
              ? probes.seal(key, { intent: INTENT, transaction, observed: from })
              : undefined;
          return answer === undefined ? {} : { answer };
        },
        localAddress: (to) => probes.localAddress(to),
        isOnlyPeer: () => this.#device?.peers.length === 1,
        setListenPort: (port) => setListenPort(interfaceName, port),
        moved: (key) => {
          this.#failed(key, undefined);
          opened(key);
          wake();
        },
        failed: (key, reason) => this.#failed(key, `peer ${key.slice(0, 8)}: ${reason}`),
      },
    });
  }

  /** Whether WireGuard's packets to an endpoint leave by another port than WireGuard's. */
  isMoved(to: Endpoint | undefined): boolean {
    return this.#translation.flows.some(({ remote }) => sameEndpoint(remote, to));
  }

  /**
   * Takes the interface as read last: flows whose peer is elsewhere now end. The first time, those that an
   * earlier run left are taken over. Never rejects: what fails is a problem until the next time.
   */
  async use(device: Device): Promise<void> {
    this.#device = device;
    this.#runner.use(device);
    try {
      if (!this.#isAdopted) {
        await this.#translation.adopt((flow) => this.#isInUse(flow));
        this.#isAdopted = true;
      }
      await this.#endOthers(device);
      this.#failed('', undefined);
    } catch (error) {
      this.#failed('', (error as Error).message);
    }
  }

  async #endOthers(device: Device): Promise<void> {
    for (const { remote, listenPort } of this.#translation.flows) {
      const isPeer = device.peers.some(({ endpoint }) => sameEndpoint(endpoint, remote));
      // A reading of before the peer's initiation has no endpoint yet: ended then, the flow of a session that
      // just began would break.
      const isFresh = this.#runner.isFresh(remote, this.#now());
      if ((!isPeer && !isFresh) || listenPort !== device.listenPort) {
        this.#runner.release(remote);
        await this.#translation.end(remote);
      }
    }
  }

  /** Does what is due for the peers that can be reached this way only; ends it for others. */
  work(peers: ReadonlyMap<string, HardNatPeer>, now: number): void {
    for (const key of [...this.#tried].filter((key) => !peers.has(key))) {
      this.#tried.delete(key);
      this.#runner.stop(key);
      // Connected, or gone: whatever did not work is not needed.
      this.#failed(key, undefined);
    }
    for (const [key, peer] of peers) {
      this.#tried.add(key);
      this.#runner.add(key, peer, now);
    }
    this.#runner.work(now);
  }

  /** When there is something to do; Infinity for never. */
  get nextAt(): number {
    return this.#runner.nextAt;
  }

  /** Removes the translating rules; working flows go on. Never rejects. */
  async close(): Promise<void> {
    await this.#translation.close((flow) => this.#isInUse(flow)).catch(() => {});
    await this.#runner.close();
  }

  #failed(key: string, problem: string | undefined): void {
    if (problem === undefined) {
      this.#failures.delete(key);
    } else {
      this.#failures.set(key, problem);
    }
    if (this.#failures.size === 0) {
      this.#problems.clear('hard-nat');
    } else {
      this.#problems.raise('hard-nat', [...this.#failures.values()].join('; '));
    }
  }

  #isInUse({ remote, listenPort }: MovedFlow): boolean {
    const device = this.#device;
    return (
      device?.listenPort === listenPort &&
      device.peers.some(
        ({ endpoint, latestHandshakeMs }) =>
          sameEndpoint(endpoint, remote) && Date.now() - latestHandshakeMs < SESSION_MS,
      )
    );
  }
}

/**
 * Removes what an earlier run left for an interface, for a client that makes no such paths.
 * Rejects with an NftError.
 */
export function forgetFlows(interfaceName: string): Promise<void> {
  return new FlowTranslation(interfaceName).adopt(() => false);
}
