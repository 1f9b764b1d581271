import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CheckList } from '../../../src/client/paths/check-list.js';
import { type ConnectedPeer, PathMonitor } from '../../../src/client/paths/path-monitor.js';
import type { RemoteCandidate } from '../../../src/client/paths/remote-candidate.js';
import { type Endpoint, parseEndpoint } from '../../../src/wire/endpoint.js';
import { X, Y } from '../bench.js';

const HOST = parseEndpoint('192.168.1.7:51820');
const RELAY = parseEndpoint('203.0.113.9:49920');
const candidate = (type: RemoteCandidate['type'], endpoint: Endpoint): RemoteCandidate => ({
  type,
  endpoint,
  isOffered: type === 'host',
});
const AT_X: ConnectedPeer = {
  endpoint: X,
  isUnanswered: false,
  heardAt: Number.NEGATIVE_INFINITY,
  keepaliveMs: 0,
  leads: true,
  isHairpin: false,
};

/** With keepalives and nothing else; heard last when it connected. */
const IDLE: ConnectedPeer = { ...AT_X, keepaliveMs: 25_000 };

/** A peer that connected at 0, beside its checks. */
class Path {
  readonly checks: CheckList;
  readonly monitor: PathMonitor;
  #transaction = 0;

  constructor(
    public peer: ConnectedPeer,
    readonly candidates: readonly RemoteCandidate[],
  ) {
    this.checks = new CheckList(() => this.#transaction++);
    this.checks.set(candidates, 0);
    this.monitor = new PathMonitor(this.checks);
    this.monitor.connected(0);
  }

  /** Lets time pass, where some endpoints answer; gives the first change and when it was decided. */
  until(
    end: number,
    from = 0,
    answering: readonly Endpoint[] = [],
  ): [number, Endpoint] | undefined {
    for (let now = from; now < end; now += 50) {
      const { endpoint, isSuspect } = this.monitor.watch(this.peer, this.candidates, now);
      this.suspicions += Number(isSuspect);
      if (endpoint !== undefined) {
        return [now, endpoint];
      }
      for (const { to, transaction } of this.checks.due(now)) {
        this.probes++;
        if (answering.includes(to)) {
          this.checks.responded(to, transaction, now);
        }
      }
    }
    return undefined;
  }

  probes = 0;
  suspicions = 0;
}

describe('the path of a connected peer', () => {
  it('is left alone while it is direct and works, whatever candidates there are', () => {
    const path = new Path(AT_X, [candidate('server-reflexive', X), candidate('host', HOST)]);
    assert.equal(path.until(600_000, 0, [X, HOST]), undefined);
    assert.equal(path.probes, 0);
  });

  it('is checked at a new endpoint within a second while it does not answer, again and again', () => {
    const path = new Path({ ...AT_X, isUnanswered: true }, [candidate('server-reflexive', Y)]);
    assert.equal(path.until(2000), undefined, 'nothing answers');
    for (const now of [2000, 3000, 4000]) {
      const before = path.probes;
      path.monitor.moved();
      path.until(now + 50, now);
      assert.equal(path.probes, before + 2, 'a series at both');
    }
    path.monitor.moved();
    assert.equal(path.monitor.nextAt(path.peer, path.candidates, 4100), 5000, 'no sooner');
  });

  it('is checked at the old and the new endpoint when the peer moves, and changed by WireGuard only', () => {
    const path = new Path(AT_X, [candidate('server-reflexive', Y)]);
    path.monitor.moved();
    assert.equal(path.until(9000, 0, [Y]), undefined);
    assert.equal(path.probes, 24);
  });

  it('is suspect once when answers are missing, and stays where its checks are answered', () => {
    const path = new Path({ ...AT_X, isUnanswered: true }, [candidate('server-reflexive', X)]);
    assert.equal(path.until(9000, 0, [X]), undefined);
    assert.equal(path.suspicions, 1);
  });

  it('changes within 1.3 s to an endpoint that answers where the present one does not', () => {
    const path = new Path({ ...AT_X, isUnanswered: true, leads: false }, [
      candidate('server-reflexive', X),
      candidate('server-reflexive', Y),
    ]);
    const [at, endpoint] = path.until(9000, 0, [Y]) ?? [];
    assert.equal(endpoint, Y);
    assert.ok((at as number) <= 1300, `${at}`);
  });

  it('gives way to a host where it leads through the NAT of both and back, on the leading side', () => {
    const hairpin = { ...AT_X, isHairpin: true };
    const candidates = [candidate('server-reflexive', X), candidate('host', HOST)];
    const path = new Path(hairpin, candidates);
    assert.equal(path.until(5000, 0, [X, HOST])?.[1], HOST);
    const other = new Path({ ...hairpin, leads: false }, candidates);
    assert.equal(other.until(5000, 0, [X, HOST]), undefined);
    const alone = new Path(hairpin, candidates);
    assert.equal(alone.until(5000, 0, [X]), undefined, 'not to one that does not answer');
  });

  it('gives way to a direct path where it is relayed, which is tried less and less often', () => {
    const relayed = { ...AT_X, endpoint: RELAY };
    const candidates = [candidate('relayed', RELAY), candidate('server-reflexive', X)];
    const path = new Path(relayed, candidates);
    assert.equal(path.until(400_000, 0, [RELAY]), undefined);
    const probes = path.probes;
    assert.ok(probes > 24 && probes <= 24 * 6, `${probes}`);
    assert.equal(path.until(800_000, 400_000, [RELAY, X])?.[1], X);
  });

  it('gives way ever more seldom where the peer goes back to the relay, whatever it names meanwhile', () => {
    const candidates = [candidate('relayed', RELAY), candidate('server-reflexive', X)];
    const path = new Path({ ...AT_X, endpoint: RELAY }, candidates);
    const changes: number[] = [];
    const hostileUntil = (end: number, from: number) => {
      for (let now = from; now < end; now += 50) {
        path.monitor.moved();
        const [at, endpoint] = path.until(now + 50, now, [X]) ?? [];
        path.peer = { ...path.peer, endpoint: endpoint ?? RELAY };
        if (at !== undefined) {
          changes.push(at);
        }
      }
    };
    hostileUntil(2_000_000, 0);
    const pauses = changes.slice(1).map((at, i) => at - (changes[i] as number));
    const expected = [4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000];
    for (const [i, pause] of pauses.entries()) {
      const least = expected[Math.min(i, expected.length - 1)] as number;
      assert.ok(pause >= least && pause < least + 6000, `${pauses}`);
    }
    assert.ok(pauses.length > expected.length, `${pauses}`);
    const calm = (changes.at(-1) as number) + 2 * 300_000 + 100;
    path.until(calm, 2_000_000, []);
    const before = changes.length;
    hostileUntil(calm + 60_000, calm);
    assert.ok(changes.length > before + 2, 'and as at first after a while without changes');
  });

  it('is asked for when nothing arrives for longer than a keepalive takes, until it answers', () => {
    const path = new Path(IDLE, [candidate('server-reflexive', X), candidate('host', HOST)]);
    assert.equal(path.until(25_450, 0, [X]), undefined);
    assert.equal(path.probes, 0);
    assert.equal(path.until(600_000, 25_450, [X, HOST]), undefined);
    assert.ok(path.probes >= 20 && path.probes <= 24, `a probe each 25.5 s: ${path.probes}`);
    assert.equal(path.suspicions, 0);
  });

  it('gives way within 30 s of a keepalive when it does not answer and another does', () => {
    const path = new Path(IDLE, [
      candidate('server-reflexive', X),
      candidate('server-reflexive', Y),
    ]);
    const [at, endpoint] = path.until(60_000, 0, [Y]) ?? [];
    assert.equal(endpoint, Y);
    assert.ok((at as number) <= 28_000, `${at}`);
    assert.equal(path.suspicions, 1);
  });

  it('is asked for ever more seldom while nothing answers', () => {
    const path = new Path(IDLE, [
      candidate('server-reflexive', X),
      candidate('server-reflexive', Y),
    ]);
    path.until(3_600_000);
    assert.ok(path.probes <= 12 * 24, `${path.probes}`);
  });

  it('is not asked for without keepalives, without another path, or through a relay', () => {
    const both = [candidate('server-reflexive', X), candidate('server-reflexive', Y)];
    const relayed = [candidate('relayed', RELAY), candidate('server-reflexive', X)];
    for (const [peer, candidates] of [
      [{ ...IDLE, keepaliveMs: 0 }, both],
      [IDLE, [candidate('server-reflexive', X)]],
      [{ ...IDLE, endpoint: RELAY, leads: false }, relayed],
    ] as const) {
      const path = new Path(peer, candidates);
      assert.equal(path.monitor.asksAt(peer, candidates), Number.POSITIVE_INFINITY);
    }
  });

  it('is judged sooner where round trips are known and another path answers', () => {
    const candidates = [candidate('server-reflexive', X), candidate('server-reflexive', Y)];
    const path = new Path({ ...AT_X, isUnanswered: true }, candidates);
    path.until(1000, 0, [X, Y]);
    const [at, endpoint] = path.until(20_000, 1000, [Y]) ?? [];
    assert.equal(endpoint, Y);
    assert.ok((at as number) <= 10_400, `${at}`);
  });

  it('needs no look while it works and is idle', () => {
    const path = new Path(AT_X, [candidate('server-reflexive', X)]);
    path.until(20_000);
    assert.equal(path.monitor.nextAt(path.peer, path.candidates, 20_000), Number.POSITIVE_INFINITY);
  });

  it('is missing where a peer moved, checks are not answered, and WireGuard hears nothing', () => {
    const at = 20_000;
    const moved = (peer: ConnectedPeer, answering: readonly Endpoint[]): boolean[] => {
      const path = new Path({ ...AT_X, ...peer }, [candidate('server-reflexive', Y)]);
      path.until(at);
      path.monitor.moved();
      return [1150, 1250].map((ms, i) => {
        path.until(at + ms, at + i * 1150, answering);
        return path.monitor.isWithoutPath(path.peer, at + ms);
      });
    };
    assert.deepEqual(moved(AT_X, []), [false, true], 'after 1.2 s');
    assert.deepEqual(moved(AT_X, [X]), [false, false], 'a check is answered');
    assert.deepEqual(moved({ ...AT_X, heardAt: at + 100 }, []), [false, false], 'WireGuard hears');
    const idle = new Path(AT_X, [candidate('server-reflexive', Y)]);
    idle.until(at);
    assert.equal(idle.monitor.isWithoutPath(idle.peer, at), false, 'nothing happened');
  });

  it('gives way to one that opened because it did not answer, though nobody sends anything', () => {
    const opened = (answering: readonly Endpoint[], isMoved: boolean) => {
      const candidates = [candidate('server-reflexive', X), candidate('server-reflexive', Y)];
      const path = new Path(IDLE, candidates);
      path.until(1000);
      if (isMoved) {
        path.monitor.moved();
      }
      assert.equal(path.until(3000, 1000), undefined);
      path.monitor.opened(path.peer, candidates, 3000);
      return path.until(5000, 3000, answering);
    };
    assert.deepEqual(opened([Y], true), [4200, Y]);
    assert.equal(opened([X, Y], true), undefined, 'the present path answers as well');
    assert.equal(opened([Y], false), undefined, 'nothing says that the present path is broken');
  });

  it('is not left for one that opened where WireGuard hears the peer, or follows it elsewhere', () => {
    for (const heard of [{ heardAt: 3500 }, { endpoint: HOST }]) {
      const candidates = [candidate('server-reflexive', X), candidate('server-reflexive', Y)];
      const path = new Path(IDLE, candidates);
      path.until(1000);
      path.monitor.moved();
      path.until(3000, 1000);
      path.monitor.opened(path.peer, candidates, 3000);
      path.until(3600, 3000, [Y]);
      path.peer = { ...path.peer, ...heard };
      assert.equal(path.until(25_000, 3600, [Y]), undefined);
    }
    const late = new Path(IDLE, [candidate('server-reflexive', Y)]);
    late.until(1000);
    late.monitor.moved();
    late.until(3000, 1000);
    late.monitor.opened(late.peer, late.candidates, 3000);
    for (const { to, transaction } of late.checks.due(3000).filter(({ to }) => to === Y)) {
      late.checks.responded(to, transaction, 3000);
    }
    assert.equal(late.monitor.watch(late.peer, late.candidates, 13_000).endpoint, undefined);
  });

  it('begins no checks within 10 s of the last ones', () => {
    const path = new Path(AT_X, [candidate('server-reflexive', Y)]);
    for (let now = 0; now < 30_000; now += 100) {
      path.monitor.moved();
      path.until(now + 100, now);
    }
    assert.ok(path.probes <= 3 * 24, `${path.probes}`);
  });

  it('is no relay because the peer calls it one', () => {
    const named = { type: 'relayed', endpoint: RELAY, isOffered: true } as const;
    for (const isOffered of [true, false]) {
      const candidates = [{ ...named, isOffered }, candidate('server-reflexive', X)];
      const path = new Path({ ...AT_X, endpoint: RELAY }, candidates);
      assert.equal(path.until(9000, 0, [X]) === undefined, isOffered);
    }
  });
});
