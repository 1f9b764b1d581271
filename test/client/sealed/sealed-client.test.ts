import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import { MESSAGE, readCounter, writeNotice } from '../../../src/wire/sealed.js';
import { endpoints, type Node, World } from './world.js';

function sentSince(node: Node, at: number, type?: number): number {
  return node.sent.filter((one) => one.at >= at && (type === undefined || one.payload[3] === type))
    .length;
}

/** Bytes of a data message with one offer. */
const SEALED_CANDIDATES_LENGTH = 160;

/** The counter of the last offer in the session that began then, or, for 0, of the first offer of all. */
function counterOfOffer({ sent }: Node, since: number): number | undefined {
  const offers = sent.filter(
    ({ at, payload }) => at >= since && payload.length === SEALED_CANDIDATES_LENGTH,
  );
  const offer = since === 0 ? offers[0] : offers.at(-1);
  return offer && readCounter(offer.payload, 0);
}

/** Two that want each other and know where the other is. */
function pair(world = new World()): [World, Node, Node] {
  const [a, b] = [world.node(), world.node()];
  a.want(b);
  b.want(a);
  world.runUntil(() => a.finds(b) !== undefined && b.finds(a) !== undefined);
  return [world, a, b];
}

describe('a conversation with the server', () => {
  it('takes three round trips from cold to where a peer is', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    b.want(a);
    world.run(1000);
    a.want(b);
    const start = world.now;
    world.runUntil(() => a.finds(b) !== undefined);
    assert.ok(world.now - start <= 90, `${world.now - start} ms at 20 ms for each round trip`);
    assert.equal(a.finds(b), b.places[4]);
  });

  for (const count of [100, 1000]) {
    it(`finds ${count} peers that the server knows in as many round trips`, () => {
      const world = new World({ maxClients: 2000 });
      const a = world.node();
      const peers = Array.from({ length: count }, () => world.node());
      a.isSuspended = true;
      for (const peer of peers) {
        peer.want(a);
      }
      world.run(500);
      world.fate = () => [25];
      a.want(...peers);
      a.isSuspended = false;
      const took = world.runUntil(() => peers.every((peer) => a.finds(peer) !== undefined));
      assert.ok(took <= 180, `${took} ms at 50 ms for each round trip`);
    });
  }

  it('is told of a peer that comes later, and polls for nothing meanwhile', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    a.want(b);
    world.runUntil(() => a.known.has(b.key));
    assert.equal(a.finds(b), undefined);
    const waiting = world.now;
    world.run(20_000);
    assert.equal(sentSince(a, waiting + 1), 0);
    b.want(a);
    assert.ok(world.runUntil(() => a.finds(b) !== undefined) < 150);
    assert.equal(sentSince(a, waiting + 1), 1, 'the acknowledgement');
  });

  it('says nothing of who does not want us', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    a.want(b);
    b.want();
    world.run(5000);
    assert.equal(a.known.get(b.key)?.ipv4, undefined);
  });

  it('pings every 25 s, and at once when asked to', () => {
    const [world, a] = pair();
    world.run(5000);
    const start = world.now;
    world.run(80_000);
    const pings = a.sent.filter(({ at }) => at >= start).length;
    assert.equal(pings, 3);
    const before = world.now;
    a.client.refresh();
    a.work();
    assert.equal(sentSince(a, before), 1);
  });

  it('pings every 2 s while a peer is missing, over one of its families at a time', () => {
    const [world, a] = pair();
    a.families = [4, 6];
    a.work();
    world.run(1000);
    a.isWaiting = true;
    a.work();
    let start = world.now;
    world.run(60_000);
    const pings = sentSince(a, start + 1);
    assert.ok(pings >= 29 && pings <= 33, `${pings}`);
    a.isWaiting = false;
    a.work();
    start = world.now;
    world.run(60_000);
    assert.ok(sentSince(a, start + 1) <= 6);
  });

  it('notices within 2 s, while it waits for a peer, that the server was restarted', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    a.want(b);
    a.isWaiting = true;
    world.run(5500);
    world.restartServer();
    assert.ok(world.runUntil(() => world.server.handler.sizes.clients > 0) <= 2100);
    world.run(100);
    b.want(a);
    assert.ok(world.runUntil(() => a.finds(b) !== undefined) < 200);
  });

  it('pings as often as it is told to', () => {
    const world = new World();
    const a = world.node();
    a.pingIntervalMs = 7000;
    a.begin();
    world.run(1000);
    const start = world.now;
    world.run(70_000);
    assert.equal(sentSince(a, start), 10);
  });

  it('wants a thousand peers in datagrams that leave at once', () => {
    const world = new World();
    const a = world.node();
    const keys = Array.from({ length: 1000 }, () => generateKeyPair().publicKey);
    a.client.want(new Map(keys.map((publicKey, i) => [`${i}`, { publicKey }])));
    world.run(300);
    assert.equal(sentSince(a, 0, MESSAGE.data), Math.ceil(1000 / 37));
  });

  it('withdraws the wish for a peer that is removed, and wants it anew', () => {
    const [world, a, b] = pair();
    a.want();
    world.runUntil(() => b.finds(a) === undefined);
    a.want(b);
    world.runUntil(() => b.finds(a) !== undefined && a.finds(b) !== undefined);
  });

  it('wants again what it withdrew a moment ago, before the server has heard of either', () => {
    const [world, a, b] = pair();
    world.run(1000);
    for (let i = 0; i < 5; i++) {
      a.want();
      a.work();
      a.want(b);
      a.work();
    }
    world.run(5000);
    assert.equal(a.finds(b), b.places[4]);
    assert.equal(b.finds(a), a.places[4]);
  });

  it('offers its local addresses to whom it may meet, who alone can read them', () => {
    const [world, a, b] = pair();
    a.client.setLocalCandidates(endpoints('192.168.1.2:51820', '[2001:db8:1::2]:51820'));
    world.run(1000);
    const offers = b.known.get(a.key)?.candidates.map(formatEndpoint);
    assert.deepEqual(offers, ['192.168.1.2:51820', '[2001:db8:1::2]:51820']);
    const quiet = world.now;
    world.run(20_000);
    assert.equal(sentSince(a, quiet), 0, 'said once');
    a.client.setLocalCandidates(endpoints('10.0.0.9:51820'));
    world.runUntil(() => b.known.get(a.key)?.candidates[0]?.address === '10.0.0.9');
  });

  for (const own of [[], endpoints('192.168.1.3:51820')]) {
    it(`offers anew to who left and came back in one push, and offers ${own.length} itself`, () => {
      const [world, a, b] = pair();
      a.client.setLocalCandidates(endpoints('192.168.1.2:51820'));
      b.client.setLocalCandidates(own);
      world.run(1000);
      world.fate = ({ to }) => (to === a.places[4] ? [] : [10]);
      b.client.leave(world.now);
      world.run(100);
      b.begin().setLocalCandidates(own);
      b.want(a);
      world.run(200);
      world.fate = () => [10];
      world.run(3000);
      assert.equal(b.known.get(a.key)?.candidates[0]?.address, '192.168.1.2');
      const quiet = world.now;
      world.run(20_000);
      assert.equal(sentSince(a, quiet) + sentSince(b, quiet), 0);
    });
  }

  it('offers nothing anew when its addresses are the same, and takes back those that are gone', () => {
    const [world, a, b] = pair();
    a.client.setLocalCandidates(endpoints('192.168.1.2:51820'));
    world.run(1000);
    const again = world.now;
    a.client.setLocalCandidates(endpoints('192.168.1.2:51820'));
    world.run(1000);
    assert.equal(sentSince(a, again), 0);
    a.client.setLocalCandidates([]);
    world.run(1000);
    assert.deepEqual(b.known.get(a.key)?.candidates, []);
  });

  it('is over when the answer to its goodbye was lost, and the server knows it no more', () => {
    const [world, a] = pair();
    world.run(1000);
    const start = world.now;
    world.fate = ({ to }) => (to === a.places[4] && world.now < start + 300 ? [] : [10]);
    a.client.leave(world.now);
    world.runUntil(() => a.client.isOver, 600);
    world.run(5000);
    assert.equal(sentSince(a, start), 2, 'goodbye, twice');
  });

  it('sends nothing when its keys are overwritten', () => {
    const [world, a, b] = pair();
    const start = world.now + 1;
    world.run(1);
    a.client.wipe();
    b.want();
    a.want();
    world.run(60_000);
    a.client.refresh();
    a.work();
    assert.equal(sentSince(a, start), 0);
  });

  it('says goodbye, so that its peers know at once', () => {
    const [world, a, b] = pair();
    a.client.leave(world.now);
    world.runUntil(() => a.client.isOver, 100);
    world.runUntil(() => b.finds(a) === undefined, 500);
  });
});

describe('a session', () => {
  it('is found dead by a notice when the server restarts, and replaced', () => {
    const [world, a, b] = pair();
    world.restartServer();
    world.run(60_000);
    assert.equal(a.finds(b), b.places[4]);
    assert.equal(b.finds(a), a.places[4]);
    b.want();
    world.runUntil(() => a.finds(b) === undefined);
  });

  it('is found dead by silence where there are no notices', () => {
    const [world, a, b] = pair(new World({ only: true }));
    world.restartServer();
    world.run(60_000);
    b.want();
    world.runUntil(() => a.finds(b) === undefined, 1000);
  });

  it('is rekeyed after ten minutes without anybody noticing', () => {
    const [world, a, b] = pair();
    world.run(5000);
    const told: unknown[] = [];
    b.known.set = (name, news) => {
      told.push(news.ipv4);
      return Map.prototype.set.call(b.known, name, news);
    };
    const handshakes = sentSince(a, 0, MESSAGE.initiation);
    world.run(650_000);
    assert.ok(sentSince(a, 0, MESSAGE.initiation) > handshakes);
    assert.ok(told.every((ipv4) => ipv4 !== undefined));
    assert.equal(world.server.handler.sizes.clients, 2);
  });

  it('survives a suspended laptop whose clock stood still while the server forgot it', () => {
    const [world, a, b] = pair();
    a.isSuspended = true;
    world.run(400_000);
    assert.equal(b.finds(a), undefined);
    a.isSuspended = false;
    world.runUntil(() => b.finds(a) === a.places[4], 30_000);
    world.run(5000);
    assert.equal(a.finds(b), b.places[4]);
  });

  it('goes on from another port, which is proven first', () => {
    const [world, a, b] = pair();
    world.run(5000);
    const start = world.now;
    a.places[4] = '198.51.100.77:4321';
    a.client.refresh();
    a.work();
    world.runUntil(() => b.finds(a) === '198.51.100.77:4321', 1000);
    assert.equal(sentSince(a, start, MESSAGE.initiation), 0);
  });

  it('says at once again what was ignored from a place that had to be proven', () => {
    const [world, a, b] = pair();
    world.run(5000);
    const c = world.node();
    a.places[4] = '198.51.100.77:4321';
    a.want(b, c);
    a.work();
    assert.ok(world.runUntil(() => a.known.has(c.key)) < 150);
  });

  it('is registered over both families again soon after the server was restarted', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    for (const node of [a, b]) {
      node.families = [4, 6];
    }
    a.want(b);
    b.want(a);
    world.run(5000);
    world.restartServer();
    a.client.refresh();
    world.run(5000);
    b.begin();
    b.want(a);
    world.runUntil(() => b.finds(a, 4) !== undefined && b.finds(a, 6) !== undefined, 1000);
  });

  it('does not take an acknowledgement in the old session for one in the new session', () => {
    const [world, a] = pair();
    const held: Uint8Array[] = [];
    world.fate = ({ to, payload }) => {
      if (to === a.places[4]) {
        held.push(payload);
        return [];
      }
      return [10];
    };
    a.client.setLocalCandidates(endpoints('192.168.1.2:51820'));
    world.run(200);
    const [acknowledgement] = held;
    assert.ok(acknowledgement);
    // A new session, in which the server does not get the offer.
    world.fate = ({ payload }) => (payload.length === SEALED_CANDIDATES_LENGTH ? [] : [10]);
    const notice = new Uint8Array(24);
    writeNotice(notice, 0, 1, a.sent.at(-1)!.payload, 0);
    const before = sentSince(a, 0, MESSAGE.initiation);
    a.hear(4, notice);
    world.runUntil(() => sentSince(a, 0, MESSAGE.initiation) > before);
    const [acknowledged, start] = [counterOfOffer(a, 0), world.now];
    world.runUntil(() => counterOfOffer(a, start) === acknowledged);
    a.hear(4, acknowledgement);
    world.run(2000);
    assert.notEqual(counterOfOffer(a, start), acknowledged, 'it is sent again');
  });

  it('needs one more initiation for a cookie, however often that is repeated', () => {
    const world = new World();
    world.fate = ({ to }) => (to === 'server' ? [10] : [10, 10, 12, 12]);
    const a = world.node();
    world.run(1000);
    assert.ok(a.client.isEstablished);
    assert.equal(sentSince(a, 0, MESSAGE.initiation), 2);
  });

  it('sends no initiation twice that the server may have accepted', () => {
    const world = new World();
    world.fate = ({ payload }) =>
      payload[3] === MESSAGE.response && world.now < 1_000_200 ? [] : [10];
    const a = world.node();
    world.run(2000);
    assert.ok(a.client.isEstablished);
    assert.equal(a.client.status.staleByMs, undefined);
  });

  it('begins over IPv6 where there are both, and is registered over both', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    a.families = [4, 6];
    b.families = [4, 6];
    a.want(b);
    b.want(a);
    world.runUntil(() => a.finds(b, 4) !== undefined && a.finds(b, 6) !== undefined, 1000);
    assert.ok(a.client.isRegistered(6, world.now));
    assert.ok(a.client.isRegistered(4, world.now));
  });

  it('goes over to the other family when one falls silent', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    a.families = [4, 6];
    a.want(b);
    b.want(a);
    world.runUntil(() => a.finds(b) !== undefined);
    world.fate = ({ from, to }) => (from === a.places[6] || to === a.places[6] ? [] : [10]);
    const start = world.now;
    let stalls = 0;
    for (let i = 0; i < 3000; i++) {
      world.run(20);
      stalls += a.client.isStalled ? 1 : 0;
    }
    assert.equal(stalls, 0);
    assert.equal(sentSince(a, start, MESSAGE.initiation), 0);
    b.want();
    world.runUntil(() => a.finds(b) === undefined, 5000);
  });

  for (const dead of [4, 6] as const) {
    for (const delayMs of [10, 200]) {
      it(`needs one handshake where IPv${dead} is dead from the start, ${2 * delayMs} ms away`, () => {
        const world = new World();
        const [a, b] = [world.node(), world.node()];
        a.families = [4, 6];
        a.want(b);
        b.want(a);
        world.fate = ({ from, to }) =>
          from === a.places[dead] || to === a.places[dead] ? [] : [delayMs];
        world.runUntil(() => a.finds(b) !== undefined);
        const start = world.now;
        world.run(300_000);
        assert.equal(sentSince(a, start, MESSAGE.initiation), 0);
        assert.ok(a.client.isEstablished);
        world.fate = () => [];
        world.run(40_000);
        assert.ok(sentSince(a, start, MESSAGE.initiation) > 0, 'both are dead');
      });
    }
  }
});

describe('a handshake', () => {
  for (const [roundTripMs, limitMs] of [
    [1800, 5000],
    [2100, 4500],
    [4000, 15_000],
  ] as const) {
    it(`succeeds over a round trip of ${roundTripMs} ms, the first time and the next`, () => {
      const world = new World();
      const a = world.node();
      world.fate = () => [roundTripMs / 2];
      const isEstablished = () => a.client.isEstablished;
      world.runUntil(isEstablished, limitMs + roundTripMs);
      const start = world.now;
      world.run(60_000);
      assert.equal(sentSince(a, start, MESSAGE.initiation), 0, 'once is enough');
      a.begin();
      world.runUntil(isEstablished, limitMs + roundTripMs);
      world.restartServer();
      a.client.refresh();
      world.run(limitMs + 3 * roundTripMs);
      assert.ok(isEstablished());
    });
  }
});

it('forgets a cookie that brings no answer, and finds a server that comes back within 5 s', () => {
  const [world, a] = pair();
  world.fate = () => [];
  a.client.refresh();
  world.run(100_000);
  const initiations = a.sent.filter(({ payload }) => payload[3] === MESSAGE.initiation);
  const gaps = initiations.slice(1).map(({ at }, i) => at - (initiations[i]?.at ?? 0));
  assert.ok(
    gaps.slice(2).every((gap) => gap <= 5000),
    `${gaps}`,
  );
  assert.equal(gaps.at(-1), 2000);
});

describe('trouble', () => {
  it('with the key: the server says that it has another', () => {
    const world = new World();
    const a = world.node(undefined, generateKeyPair().publicKey);
    world.run(3000);
    assert.ok(a.client.status.hasWrongKey);
    assert.equal(a.client.status.unanswered, 0);
  });

  it('with nobody there: initiations 0.3 s apart, then up to 2 s, after 150 of them 25 s', () => {
    const world = new World();
    world.fate = () => [];
    const a = world.node();
    world.run(500_000);
    const times = a.sent.map(({ at }) => at - (a.sent[0]?.at ?? 0));
    assert.deepEqual(times.slice(0, 5), [0, 300, 900, 2100, 4100]);
    assert.equal((times.at(-1) ?? 0) - (times.at(-2) ?? 0), 25_000);
    assert.ok(times.length > 150 && times.length < 165);
    assert.ok(a.client.status.unanswered > 3);
  });

  it('with the allow list: said, tried less often, and over once it is on it', () => {
    const world = new World({ allow: new Set() as never });
    const a = world.node();
    world.run(60_000);
    assert.equal(a.client.status.refusal, 'not-allowed');
    assert.ok(a.sent.length < 20, `${a.sent.length} datagrams`);
    world.server.handler.allowOnly({ has: () => true } as never);
    world.runUntil(() => a.client.status.refusal === undefined, 30_000);
  });

  it('with room', () => {
    const world = new World({ maxClients: 1 });
    const a = world.node();
    world.run(1000);
    const b = world.node();
    world.run(3000);
    assert.ok(a.client.isEstablished);
    assert.equal(b.client.status.refusal, 'full');
  });

  it('with a clock that went back: it goes on with later timestamps', () => {
    const [world, a, b] = pair();
    a.clockAheadMs = -600_000;
    a.begin();
    a.want(b);
    world.runUntil(() => a.finds(b) !== undefined, 2000);
    const { staleByMs } = a.client.status;
    assert.ok(staleByMs !== undefined && Math.abs(staleByMs - 600_000) < 5000, `${staleByMs}`);
    world.run(700_000);
    assert.equal(a.client.status.staleByMs, undefined, 'over with the next handshake');
  });

  it('without a clock that went back: an initiation is doubled, and its welcome lost', () => {
    const world = new World();
    const a = world.node();
    let welcomes = 0;
    world.fate = ({ payload }) => {
      if (payload[3] === MESSAGE.initiation) {
        return [10, 15];
      }
      return payload[3] === MESSAGE.response && welcomes++ === 0 ? [] : [10];
    };
    world.runUntil(() => a.client.isEstablished);
    assert.equal(welcomes, 2, 'the double is not answered');
    assert.equal(a.client.status.staleByMs, undefined);
  });

  it('with a clock that is hours off', () => {
    const world = new World();
    const a = world.node();
    a.clockAheadMs = 3 * 3_600_000;
    world.run(1000);
    const { clockAheadMs } = a.client.status;
    assert.equal(Math.round((clockAheadMs ?? 0) / 3_600_000), 3);
  });

  it('with too many wishes', () => {
    const world = new World({ maxWanted: 1 });
    const nodes = [world.node(), world.node(), world.node()] as const;
    nodes[0].want(nodes[1], nodes[2]);
    world.run(1000);
    assert.equal(nodes[0].client.notKept.length, 1);
  });

  it('with too many wishes, until one of them is withdrawn, or the server has room', () => {
    const world = new World({ maxWanted: 1 });
    const [a, b, c] = [world.node(), world.node(), world.node()];
    b.want(a);
    c.want(a);
    a.want(b, c);
    world.run(1000);
    assert.deepEqual(a.client.notKept, [c.key]);
    const start = world.now;
    world.run(180_000);
    const wants = sentSince(a, start, MESSAGE.data) - Math.floor(180_000 / 25_000);
    assert.ok(wants <= 6, `${wants} wishes`);
    a.want(c);
    world.runUntil(() => a.finds(c) !== undefined, 500);
    assert.deepEqual(a.client.notKept, []);
  });
});
