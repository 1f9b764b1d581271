import { setTimeout as delay } from 'node:timers/promises';
import type { ComparedLab, ReadyApproach } from '../../src/compare/approach.js';
import { comparedLab, startClients, TWO_CONES } from '../../src/compare/measure/compared-lab.js';
import { serverRestarted } from '../../src/compare/measure/faults.js';
import { firstPing } from '../../src/compare/measure/first-ping.js';
import { median } from '../../src/compare/measure/statistics.js';
import { type HostOptions, until } from '../../src/lab/index.js';

const TIMEOUT_MS = 90_000;
const PING_MS = 200;
const PORT = 51_820;
const MOVED_PORT = 40_007;
const OTHER_PORT = 51_999;
/** The pair is at rest by then. */
const SETTLE_MS = 3000;
/** Checks of a path that has just come up are over by then, and may begin anew. */
const USED_MS = 12_000;

type Pair = Readonly<Record<'a' | 'b', HostOptions>>;

/** A way to a direct path, or back to it; returns the milliseconds that it takes. */
interface Change {
  readonly name: string;
  readonly hosts: Pair;
  readonly measure: (approach: ReadyApproach, lab: ComparedLab) => Promise<number>;
}

/** The first one is what the others are compared with. */
const CHANGES: readonly Change[] = [
  { name: 'start, cone x cone', hosts: TWO_CONES, measure: start },
  {
    name: 'start, one NAT for both, which does not hairpin',
    hosts: { a: { nat: 'cone' }, b: { sameNatAs: 'a' } },
    measure: start,
  },
  {
    name: 'start, IPv6 firewalls beside symmetric NATs',
    hosts: { a: { nat: 'symmetric', ipv6: true }, b: { nat: 'symmetric', ipv6: true } },
    measure: start,
  },
  {
    name: 'server restarted while one waits, then the other starts',
    hosts: TWO_CONES,
    measure: (approach, lab) => serverRestarted(approach, lab, TIMEOUT_MS),
  },
  { name: 'mapping of a NAT moved, pings', hosts: TWO_CONES, measure: after(moveOne) },
  {
    name: 'mappings of both NATs moved, pings both ways',
    hosts: TWO_CONES,
    measure: after(moveBoth),
  },
  { name: 'mapping of a NAT moved, keepalives only', hosts: TWO_CONES, measure: followed },
  { name: "WireGuard's port changed, pings", hosts: TWO_CONES, measure: after(changePort) },
  {
    name: 'interface made anew on another port, pings',
    hosts: TWO_CONES,
    measure: after(recreate),
  },
];

async function start(approach: ReadyApproach, lab: ComparedLab): Promise<number> {
  await approach.startServer(lab);
  const begin = performance.now();
  return (await firstPing(lab, startClients(approach, lab, ['a', 'b']), TIMEOUT_MS)) - begin;
}

/** From a change to the first answered ping; the pings are the traffic, five a second. */
function after(change: (lab: ComparedLab) => Promise<void>): Change['measure'] {
  return async (approach, lab) => {
    await start(approach, lab);
    await delay(USED_MS);
    await change(lab);
    const begin = performance.now();
    const answer = (): Promise<boolean> => lab.ping('a', 'b', { timeoutMs: PING_MS });
    await until('an answer', answer, { timeoutMs: TIMEOUT_MS });
    return performance.now() - begin;
  };
}

/** From the change to when b sends to the new port; nothing but keepalives passes. */
async function followed(approach: ReadyApproach, lab: ComparedLab): Promise<number> {
  await start(approach, lab);
  await delay(SETTLE_MS);
  await moveOne(lab);
  const begin = performance.now();
  const [a, b] = [lab.host('a').wireguard, lab.host('b').wireguard];
  const isMoved = async () => (await b.endpointOf(a.publicKey))?.port === MOVED_PORT;
  await until('b to follow', isMoved, { timeoutMs: TIMEOUT_MS });
  return performance.now() - begin;
}

async function moveOne(lab: ComparedLab): Promise<void> {
  await lab.host('a').gateways[0]?.moveMapping(PORT, MOVED_PORT);
}

async function moveBoth(lab: ComparedLab): Promise<void> {
  const address = lab.host('a').wireguard.tunnelAddress;
  lab.host('b').spawn('ping', ['-n', '-i', String(PING_MS / 1000), address]);
  const gateways = [lab.host('a'), lab.host('b')].map((host) => host.gateways[0]);
  await Promise.all(gateways.map((one) => one?.moveMapping(PORT, MOVED_PORT)));
}

async function changePort(lab: ComparedLab): Promise<void> {
  await lab.host('a').wireguard.setListenPort(OTHER_PORT);
}

async function recreate(lab: ComparedLab): Promise<void> {
  const { wireguard } = lab.host('a');
  await wireguard.remove();
  await wireguard.create();
  await wireguard.setListenPort(OTHER_PORT);
}

/**
 * Prints how long an approach takes to a direct path in difficult places, and back to one after a change:
 * medians and worst times of so many tries, and the ratio to the first case, a plain start.
 */
export async function printChanges(
  approach: ReadyApproach,
  { tries, only, roundTripMs }: { tries: number; only: string; roundTripMs: number },
): Promise<void> {
  console.log(`round trip ${roundTripMs} ms, ${tries} tries each; milliseconds\n`);
  console.log('| case | median | worst | failed | median / first |');
  console.log('|---|---|---|---|---|');
  let first: number | undefined;
  for (const [i, { name, hosts, measure }] of CHANGES.entries()) {
    if (i > 0 && !name.includes(only)) {
      continue;
    }
    const times: number[] = [];
    for (let n = 0; n < tries; n++) {
      await using lab = await comparedLab(approach, hosts, roundTripMs);
      times.push(await measure(approach, lab).catch(() => Number.POSITIVE_INFINITY));
    }
    const middle = median(times);
    first ??= middle;
    const failed = times.filter((ms) => !Number.isFinite(ms)).length;
    const figures = [middle.toFixed(0), Math.max(...times).toFixed(0), failed];
    console.log(`| ${[name, ...figures, (middle / first).toFixed(2)].join(' | ')} |`);
  }
}
