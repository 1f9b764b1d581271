import { randomInt } from 'node:crypto';
import { type Endpoint, sameEndpoint } from '../../wire/endpoint.js';
import type { Device } from '../../wireguard/device.js';
import type { WgError } from '../../wireguard/wg-error.js';
import { readDevice, setListenPort } from '../../wireguard/wg-tool.js';
import type { Problems } from '../problems.js';
import type { MovedFlow } from './flow-script.js';
import { FlowTranslation } from './flow-translation.js';
import type { HardNatPeer } from './hard-nat.js';
import { HardNatProblems } from './hard-nat-problems.js';
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
  /** Whether the peer that WireGuard reaches at this endpoint does not answer any more. */
  isLost(remote: Endpoint): boolean;
  /** WireGuard's packets to the peer with this base64 key take a way that got through. */
  opened(key: string): void;
  /** There may be something to do. */
  wake(): void;
  /** The interface is to be read again at once. */
  readAgain(): void;
}

/** Paths through NATs with endpoint-dependent mapping, for the peers of an interface. */
export class HardNatPaths {
  readonly #interfaceName: string;
  readonly #translation: FlowTranslation;
  readonly #runner: HardNatRunner;
  readonly #problems: HardNatProblems;
  /** WireGuard got this port for a peer; the peer's path opens once it is read. */
  #changed: { readonly key: string; readonly port: number } | undefined;
  readonly #now: () => number;
  readonly #opened: (key: string) => void;
  readonly #isLost: (remote: Endpoint) => boolean;
  readonly #localAddress: (to: Endpoint) => string;
  #device: Device | undefined;

  constructor(options: HardNatPathsOptions) {
    const { interfaceName, probes, problems, nextTransaction, now, opened, wake } = options;
    const { readAgain, isLost } = options;
    this.#interfaceName = interfaceName;
    this.#now = now;
    this.#opened = opened;
    this.#isLost = isLost;
    this.#localAddress = (to) => probes.localAddress(to);
    this.#problems = new HardNatProblems(problems);
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
        localAddress: this.#localAddress,
        isOnlyPeer: () => this.#device?.peers.length === 1,
        setListenPort: (port) => setListenPort(interfaceName, port),
        moved: (key) => {
          opened(key);
          wake();
        },
        portChanged: (key, { listenPort, port }, reason) => {
          this.#changed = { key, port };
          problems.note(
            `${interfaceName} has the listen port ${port} now instead of ${listenPort}: ` +
              `its peer ${key.slice(0, 8)} is reached through the NAT from there only, and ${reason}`,
          );
          readAgain();
        },
        report: (key, step, problem) => this.#problems.report(key, step, problem),
      },
    });
  }

  /** Whether WireGuard's packets to an endpoint leave by another port than WireGuard's. */
  isMoved(to: Endpoint | undefined): boolean {
    return this.#translation.flows.some(({ remote }) => sameEndpoint(remote, to));
  }

  /**
   * Takes the interface as read last: flows whose peer is elsewhere now, or lost, end. The first time, those that an
   * earlier run left are taken over. Never rejects: what fails is a problem until the next time.
   */
  async use(device: Device): Promise<void> {
    this.#device = device;
    this.#runner.use(device);
    try {
      await this.#translation.adopt((flow) => this.#isInUse(flow));
      await this.#endOthers(device);
      this.#problems.reportRules(undefined);
    } catch (error) {
      this.#problems.reportRules((error as Error).message);
    }
  }

  async #endOthers(device: Device): Promise<void> {
    for (const { remote, listenPort } of this.#translation.flows) {
      const isPeer =
        device.peers.some(({ endpoint }) => sameEndpoint(endpoint, remote)) &&
        !this.#isLost(remote);
      // A reading of before the peer's initiation has no endpoint yet: ended then, the flow of a session that
      // just began would break.
      const isFresh = this.#runner.isFresh(remote, this.#now());
      if ((!isPeer && !isFresh) || listenPort !== device.listenPort) {
        this.#runner.release(remote);
        await this.#translation.end(remote, this.#localTo(remote));
      }
    }
  }

  #localTo(remote: Endpoint): string | undefined {
    try {
      return this.#localAddress(remote);
    } catch {
      return undefined; // no route
    }
  }

  /** Does what is due for the peers that can be reached this way only; ends it for others. */
  work(peers: ReadonlyMap<string, HardNatPeer>, now: number): void {
    for (const key of [...this.#problems.sought].filter((key) => !peers.has(key))) {
      this.#runner.stop(key);
      this.#problems.drop(key);
    }
    const changed = this.#changed;
    if (changed !== undefined && changed.port === this.#device?.listenPort) {
      this.#changed = undefined;
      this.#opened(changed.key);
    }
    for (const [key, peer] of peers) {
      this.#problems.seek(key);
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
    if (this.#translation.flows.length > 0) {
      // A handshake since the last reading makes a flow a working one; without its interface none is.
      this.#device = await readDevice(this.#interfaceName).catch(({ code }: WgError) =>
        code === 'WG_NO_INTERFACE' || code === 'WG_NOT_WIREGUARD' ? undefined : this.#device,
      );
    }
    await this.#translation.close((flow) => this.#isInUse(flow)).catch(() => {});
    await this.#runner.close();
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
