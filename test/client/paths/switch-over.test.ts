import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CheckList } from '../../../src/client/paths/check-list.js';
import { PathMonitor } from '../../../src/client/paths/path-monitor.js';
import type { RemoteCandidate } from '../../../src/client/paths/remote-candidate.js';
import { SwitchOvers } from '../../../src/client/paths/switch-over.js';
import { holdScript } from '../../../src/client/paths/switch-script.js';
import { type Endpoint, parseEndpoint } from '../../../src/wire/endpoint.js';
import { X, Y } from '../bench.js';

const RELAY = parseEndpoint('203.0.113.9:49920');
const DIRECT = X;
const CANDIDATES: readonly RemoteCandidate[] = [
  { type: 'relayed', endpoint: RELAY, isOffered: false },
  { type: 'server-reflexive', endpoint: DIRECT, isOffered: false },
];
/** How long a hold lasts, and what it and the change after it take. */
const HOLD_MS = 2000;
const NFT_MS = 20;
const WG_MS = 10;
const TURN_MS = 50;
const KEEPALIVE_AGAIN_MS = 1000;

interface PairOptions {
  /** One-way delays of the two paths, in milliseconds; each packet takes up to 1 ms more. */
  readonly direct: number;
  readonly relay: number;
  /** Between the packets of each side; undefined for one that only answers. */
  readonly intervals: readonly [number | undefined, number | undefined];
  /** Whether a side answers each packet at once, as to a ping. @default neither */
  readonly answers?: readonly [boolean, boolean];
  /** Which side leads; undefined where its client does nothing. */
  readonly leader: 0 | 1 | undefined;
  /** Whether nft works. @default true */
  readonly holds?: boolean;
  /** Whether the direct path drops WireGuard's packets and only lets probes through. @default false */
  readonly isFiltered?: boolean;
}

/** Two relayed peers between which a direct path opens at 0: WireGuard's roaming, and our decisions. */
class SwitchingPair {
  now = 0;
  readonly endpoints: [Endpoint, Endpoint] = [RELAY, RELAY];
  /** When WireGuard's endpoint changed, on each side. */
  readonly changes: [number[], number[]] = [[], []];
  /** When a client set it. */
  readonly sets: [number[], number[]] = [[], []];
  sent = 0;
  lost = 0;
  readonly #options: PairOptions;
  readonly #heldUntil: [number, number] = [0, 0];
  readonly #events: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  #seed = 1;
  #transaction = 0;

  constructor(options: PairOptions) {
    this.#options = options;
    for (const side of [0, 1] as const) {
      const checks = new CheckList(() => this.#transaction++);
      checks.set(CANDIDATES, 0);
      const monitor = new PathMonitor(checks);
      monitor.connected(0);
      this.#turn(side, checks, monitor);
      if (options.intervals[side] !== undefined) {
        this.#traffic(side, options.intervals[side]);
      }
    }
  }

  run(untilMs: number): this {
    for (;;) {
      const next = this.#events.reduce((a, b) =>
        b.at < a.at || (b.at === a.at && b.order < a.order) ? b : a,
      );
      if (next.at > untilMs) {
        return this;
      }
      this.#events.splice(this.#events.indexOf(next), 1);
      this.now = next.at;
      next.run();
    }
  }

  #after(ms: number, run: () => void): void {
    this.#order++;
    this.#events.push({ at: this.now + ms, order: this.#order, run });
  }

  #jitter(): number {
    this.#seed = (this.#seed * 1_103_515_245 + 12_345) % 0x8000_0000;
    return this.#seed / 0x8000_0000;
  }

  #traffic(side: 0 | 1, interval: number): void {
    this.#send(side, true);
    this.#after(interval, () => this.#traffic(side, interval));
  }

  #send(side: 0 | 1, isRequest: boolean): void {
    const { direct, relay, isFiltered, answers } = this.#options;
    const isDirect = this.endpoints[side] === DIRECT;
    const other = side === 0 ? 1 : 0;
    this.sent++;
    if (isDirect && isFiltered) {
      this.lost++;
      return;
    }
    this.#after((isDirect ? direct : relay) + this.#jitter(), () => {
      this.#roam(other, isDirect || this.now < this.#heldUntil[other] ? DIRECT : RELAY);
      if (isRequest && answers?.[other]) {
        this.#send(other, false);
      }
    });
  }

  #roam(side: 0 | 1, to: Endpoint): void {
    if (this.endpoints[side] !== to) {
      this.endpoints[side] = to;
      this.changes[side].push(this.now);
    }
  }

  /** What a client does of all this: probes, and the change that its results call for. */
  #turn(side: 0 | 1, checks: CheckList, monitor: PathMonitor): void {
    const { leader, direct, holds = true } = this.#options;
    const path = {
      isUnanswered: false,
      heardAt: 0,
      keepaliveMs: 0,
      leads: side === leader,
      isHairpin: false,
    };
    const watch = (): Endpoint | undefined =>
      monitor.watch({ ...path, endpoint: this.endpoints[side] }, CANDIDATES, this.now).endpoint;
    const to = leader === undefined ? undefined : watch();
    for (const request of checks.due(this.now)) {
      const { transaction } = request;
      this.#after(2 * direct, () => checks.responded(request.to, transaction, this.now));
    }
    const again = (): void => this.#after(TURN_MS, () => this.#turn(side, checks, monitor));
    if (to === undefined) {
      again();
      return;
    }
    this.#after(NFT_MS, () => {
      this.#heldUntil[side] = holds ? this.now + HOLD_MS : 0;
      this.#after(WG_MS, () => {
        if (watch() !== undefined) {
          this.sets[side].push(this.now);
          this.#roam(side, DIRECT);
        }
        // The keepalives by which the other side follows.
        this.#send(side, false);
        this.#after(KEEPALIVE_AGAIN_MS, () => this.#send(side, false));
        again();
      });
    });
  }
}

const DELAYS = [
  { direct: 25, relay: 50 },
  { direct: 50, relay: 50 },
  { direct: 60, relay: 30 },
  { direct: 5, relay: 300 },
  { direct: 300, relay: 310 },
];
const TRAFFIC: readonly Pick<PairOptions, 'intervals' | 'answers'>[] = [
  { intervals: [10, undefined], answers: [false, true] },
  { intervals: [undefined, 10], answers: [true, false] },
  { intervals: [2, 2] },
  { intervals: [5, undefined] },
  { intervals: [undefined, 5] },
  { intervals: [1000, 700] },
  { intervals: [undefined, undefined] },
];

/** The changes of an interface, and the scripts that nft was given; with a failure, it fails. */
function recorded(failure?: string) {
  const scripts: string[] = [];
  const holds = new SwitchOvers(
    'wg0',
    () => {},
    async (_, script = '') => {
      scripts.push(script);
      if (failure !== undefined) {
        throw new Error(failure);
      }
      return '';
    },
  );
  return { scripts, holds };
}

describe('the change of two WireGuards from a relay to a direct path', () => {
  for (const delays of DELAYS) {
    for (const leader of [0, 1] as const) {
      it(`takes a round trip and no way back: ${delays.direct} ms direct, ${delays.relay} ms by the relay, ${leader} leads`, () => {
        for (const traffic of TRAFFIC) {
          const pair = new SwitchingPair({ ...delays, ...traffic, leader }).run(20_000);
          const what = JSON.stringify(traffic);
          assert.deepEqual(pair.endpoints, [DIRECT, DIRECT], what);
          assert.equal(pair.changes[leader].length, 1, `${what}: ${pair.changes[leader]}`);
          const [begin] = pair.changes[leader] as [number];
          const follower = pair.changes[leader === 0 ? 1 : 0];
          const settled = (follower.at(-1) as number) - begin;
          // Without traffic, what left by a slow relay before is outdone by the second keepalive.
          const isBusy = traffic.intervals.some((it) => it !== undefined && it <= 10);
          const roundTripMs = delays.direct + delays.relay + NFT_MS + WG_MS + 2;
          const limit = roundTripMs + (isBusy ? 0 : KEEPALIVE_AGAIN_MS);
          assert.ok(settled <= limit, `${what}: ${settled} ms`);
        }
      });
    }
  }

  it('goes back and forth under load where the old path is not held, and is made a few times only', () => {
    const load = { intervals: [2, 2] as const, leader: 0 as const, holds: false };
    const pair = new SwitchingPair({ direct: 25, relay: 50, ...load }).run(60_000);
    const changes = pair.changes[0].length;
    assert.ok(changes > 10, `${changes}: the simulation shows what the hold is for`);
    const sets = pair.sets[0].length;
    assert.ok(sets >= 2 && sets <= 12, `${sets}`);
    assert.equal(pair.sets[1].length, 0, 'one side leads');
  });

  it('is given up for long where the direct path passes probes, and none of WireGuard', () => {
    const filtered = { intervals: [20, 20] as const, leader: 0 as const, isFiltered: true };
    const pair = new SwitchingPair({ direct: 25, relay: 50, ...filtered }).run(600_000);
    const losses = pair.lost / pair.sent;
    assert.ok(losses > 0 && losses < 0.05, `${losses}`);
  });
});

const HOLD = { from: RELAY, to: X, listenPort: 51820, forMs: 1999.5 };

describe('a held change', () => {
  it('is an nft table of its own, whose sets end by themselves', () => {
    assert.equal(
      holdScript('wg0', 4, [HOLD]),
      `add table ip wg-rendezvous-switch-wg0
delete table ip wg-rendezvous-switch-wg0
add table ip wg-rendezvous-switch-wg0
add chain ip wg-rendezvous-switch-wg0 in { type filter hook input priority -10 ; policy accept ; }
add set ip wg-rendezvous-switch-wg0 old0 { type ipv4_addr . inet_service ; flags timeout ; elements = { 203.0.113.9 . 49920 timeout 2000ms } ; }
add rule ip wg-rendezvous-switch-wg0 in ip saddr . udp sport @old0 udp dport 51820 @th,64,32 { 0x01000000, 0x02000000, 0x03000000, 0x04000000 } ip saddr set 198.51.100.2 udp sport set 51820
`,
    );
    assert.equal(
      holdScript('wg0', 4, []),
      'add table ip wg-rendezvous-switch-wg0\ndelete table ip wg-rendezvous-switch-wg0\n',
    );
    const six = {
      from: parseEndpoint('[2001:db8::9]:49920'),
      to: parseEndpoint('[2001:db8::2]:1'),
    };
    assert.match(
      holdScript('a b', 6, [{ ...HOLD, ...six }]),
      /ip6 wg-rendezvous-switch\.612062 in ip6 saddr \. udp sport @old0 .* ip6 saddr set 2001:db8::2 udp sport set 1\n$/,
    );
  });

  it('is written with those of other peers, and removed at its end', async () => {
    const { scripts, holds } = recorded();
    await holds.hold([{ from: RELAY, to: X }], 51820, 1000);
    await holds.hold([{ from: Y, to: X }], 51820, 2500);
    assert.deepEqual(scripts, [
      holdScript('wg0', 4, [{ ...HOLD, forMs: 2000 }]),
      holdScript('wg0', 4, [
        { ...HOLD, forMs: 500 },
        { ...HOLD, from: Y, forMs: 2000 },
      ]),
    ]);
    assert.equal(holds.nextAt, 3000);
    holds.work(2999);
    holds.work(3000);
    assert.equal(holds.nextAt, 4500);
    holds.work(4500);
    await holds.close();
    assert.deepEqual(scripts.slice(2), [
      holdScript('wg0', 4, [{ ...HOLD, from: Y, forMs: 1500 }]),
      holdScript('wg0', 4, []),
    ]);
  });

  it('leaves nothing of a client that was killed: the next one removes it once, in time', async () => {
    const { scripts, holds } = recorded();
    holds.work(1000);
    assert.equal(holds.nextAt, 11_000);
    await holds.hold([{ from: RELAY, to: X }], 51820, 10_000);
    holds.work(11_000);
    holds.work(11_500);
    assert.equal(holds.nextAt, 12_000);
    holds.work(12_000);
    assert.equal(holds.nextAt, Number.POSITIVE_INFINITY);
    await holds.close();
    assert.deepEqual(scripts.slice(1), [
      holdScript('wg0', 4, [{ ...HOLD, forMs: 1000 }]),
      holdScript('wg0', 6, []),
      holdScript('wg0', 4, []),
    ]);
  });

  it('keeps nobody waiting for more than a second', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const holds = new SwitchOvers(
      'wg0',
      () => {},
      () => new Promise(() => {}),
    );
    const held = holds.hold([{ from: RELAY, to: X }], 51820, 0).then(() => 'held');
    t.mock.timers.tick(1000);
    const turn = new Promise((resolve) => setImmediate(() => resolve('still waiting')));
    assert.equal(await Promise.race([held, turn]), 'held');
  });

  it('keeps nobody waiting for more than a second at the end', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const holds = new SwitchOvers(
      'wg0',
      () => {},
      () => new Promise(() => {}),
    );
    void holds.hold([{ from: RELAY, to: X }], 51820, 0);
    const closed = holds.close().then(() => 'closed');
    t.mock.timers.tick(1000);
    const turn = new Promise((resolve) => setImmediate(() => resolve('still waiting')));
    assert.equal(await Promise.race([closed, turn]), 'closed');
  });

  it('is written for one family where nft fails for the other', async () => {
    const { scripts, holds } = recorded('no such family');
    const six = {
      from: parseEndpoint('[2001:db8::9]:49920'),
      to: parseEndpoint('[2001:db8::2]:1'),
    };
    await holds.hold([{ from: RELAY, to: X }, six], 51820, 0);
    await holds.close();
    assert.deepEqual(
      scripts.map((script) => script.split(' ')[2]),
      ['ip', 'ip6', 'ip', 'ip6'],
    );
  });

  it('is reported when it fails, and when one succeeds again; a removal that fails is not', async () => {
    const reports: (string | undefined)[] = [];
    let isBroken = true;
    const holds = new SwitchOvers(
      'wg0',
      (problem) => reports.push(problem),
      async () => {
        if (isBroken) {
          throw new Error('nft failed: no such table');
        }
        return '';
      },
    );
    holds.work(0);
    holds.work(10_000);
    await holds.hold([{ from: RELAY, to: X }], 51820, 10_000);
    assert.deepEqual(reports, [
      'changes to a better path take longer under load, as nft cannot hold them: nft failed: no such table',
    ]);
    isBroken = false;
    await holds.hold([{ from: RELAY, to: X }], 51820, 11_000);
    isBroken = true;
    await holds.close();
    assert.deepEqual(reports.slice(1), [undefined]);
  });

  it('is no matter of two families or of link-local addresses, and nft may fail', async () => {
    let calls = 0;
    const holds = new SwitchOvers(
      'wg0',
      () => {},
      async () => {
        calls++;
        throw new Error('no nft');
      },
    );
    const six = parseEndpoint('[2001:db8::2]:1');
    const zoned: Endpoint = { address: 'fe80::1%eth0', port: 1, family: 6 };
    await holds.hold([{ from: RELAY, to: six }], 51820, 0);
    await holds.hold([{ from: six, to: zoned }], 51820, 0);
    assert.equal(calls, 0);
    await holds.hold([{ from: RELAY, to: X }], 51820, 0);
    await holds.close();
    assert.equal(calls, 2);
  });
});
