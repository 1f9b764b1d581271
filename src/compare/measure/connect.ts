import type { HostOptions } from '../../lab/index.js';
import type { ComparedLab, ReadyApproach } from '../approach.js';
import {
  type ConnectResult,
  type ConnectRound,
  type Failure,
  failed,
  type Outcome,
  type PairName,
} from '../results.js';
import { comparedLab, startClients, TWO_CONES } from './compared-lab.js';
import { firstPing } from './first-ping.js';
import { median, percentile } from './statistics.js';

/** Far more than a connection takes; WireGuard repeats a lost handshake after 5 s. */
const TIMEOUT_MS = 12_000;
const KEEPALIVE_SECONDS = 25;
/** Between a site and the internet's core. */
const ROUTERS = 2;
/** A pair that failed this often is not tried again. */
const MAX_FAILURES = 3;

interface Pair {
  readonly hosts: Readonly<Record<'a' | 'b', HostOptions>>;
  /** Whether both peers have a persistent keepalive before the clients start. */
  readonly keepalive?: boolean;
  /** Whether routers are between the sites. */
  readonly isRouted?: boolean;
}

const PAIRS: Readonly<Record<PairName, Pair>> = {
  none: { hosts: { a: {}, b: {} } },
  cone: { hosts: TWO_CONES },
  keepalive: { hosts: TWO_CONES, keepalive: true },
  symmetric: { hosts: { a: { nat: 'symmetric' }, b: { nat: 'symmetric' } } },
  cgnat: { hosts: { a: { nat: 'cgnat' }, b: { nat: 'cgnat' } } },
  'full-cone': { hosts: { a: { nat: 'full-cone' }, b: { nat: 'full-cone' } } },
  'same-nat': { hosts: { a: { nat: 'cone' }, b: { sameNatAs: 'a' } } },
  'symmetric-x-cone': { hosts: { a: { nat: 'symmetric' }, b: { nat: 'cone' } } },
  'cone-x-symmetric': { hosts: { a: { nat: 'cone' }, b: { nat: 'symmetric' } } },
  'cgnat-block-x-cone': { hosts: { a: { nat: 'cgnat-block' }, b: { nat: 'cone' } } },
  'port-mapping-x-symmetric': { hosts: { a: { nat: 'port-mapping' }, b: { nat: 'symmetric' } } },
  'same-carrier': { hosts: { a: { nat: 'cgnat' }, b: { sameCarrierAs: 'a' } } },
  poisoning: { hosts: { a: { nat: 'poisoning' }, b: { nat: 'poisoning' } }, isRouted: true },
};

/** Connects the hosts of a pair once, in a new lab. Rejects when no tunnel comes up in time. */
export async function connectOnce(
  approach: ReadyApproach,
  pair: PairName,
  roundTripMs: number,
): Promise<ConnectRound> {
  const { hosts, keepalive = false, isRouted = false } = PAIRS[pair];
  const hops = isRouted ? ROUTERS : 0;
  await using lab = await comparedLab(approach, hosts, roundTripMs, { hops });
  await approach.startServer(lab);
  if (keepalive) {
    await setKeepalives(lab);
  }
  await using atServer = await lab.rendezvous.cable.count({ protocol: 'udp' });
  const start = performance.now();
  const clients = startClients(approach, lab, ['a', 'b']);
  const end = await firstPing(lab, clients, TIMEOUT_MS);
  const { packets, bytes } = await atServer.tally();
  return { milliseconds: Math.round(end - start), datagrams: packets, bytes };
}

/**
 * Sets a keepalive on a and b for each other, as a configuration file does. WireGuard then sends an
 * initiation at once, without an endpoint to send it to, and the next one is due 5 s later.
 */
async function setKeepalives(lab: ComparedLab): Promise<void> {
  const devices = [lab.host('a').wireguard, lab.host('b').wireguard] as const;
  const [a, b] = devices;
  await Promise.all([
    a.setKeepalive([b.publicKey], KEEPALIVE_SECONDS),
    b.setKeepalive([a.publicKey], KEEPALIVE_SECONDS),
  ]);
}

/** The rounds of one pair, which end early when it does not connect. */
export class PairRounds {
  readonly #rounds: ConnectRound[] = [];
  readonly #failures: Failure[] = [];

  /** Whether further rounds would only wait: the first one failed, or several did. */
  get gaveUp(): boolean {
    return this.#failures.length >= (this.#rounds.length === 0 ? 1 : MAX_FAILURES);
  }

  add(round: Outcome<ConnectRound>): void {
    if (failed(round)) {
      this.#failures.push(round);
    } else {
      this.#rounds.push(round);
    }
  }

  /** The summary of the rounds; a failure if none connected. */
  result(): Outcome<ConnectResult> {
    const [failure] = this.#failures;
    if (this.#rounds.length === 0 && failure !== undefined) {
      return failure;
    }
    const values = (field: keyof ConnectRound): number[] =>
      this.#rounds.map((round) => round[field]);
    const times = values('milliseconds');
    return {
      milliseconds: Math.round(median(times)),
      p95Milliseconds: percentile(times, 0.95),
      worstMilliseconds: Math.max(...times),
      datagrams: Math.round(median(values('datagrams'))),
      bytes: Math.round(median(values('bytes'))),
      failedRounds: this.#failures.length,
      rounds: this.#rounds,
    };
  }
}
