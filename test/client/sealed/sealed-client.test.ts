import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import { formatPublicKey } from '../../../src/wire/key.js';
import { MESSAGE, readCounter, writeNotice } from '../../../src/wire/sealed.js';
import { hosts, type Node, World } from './world.js';

function sentSince(node: Node, at: number, type?: number): number {
  return node.sent.filter((one) => one.at >= at && (type === undefined || one.payload[3] === type))
    .length;
}

/** Bytes of a data message with candidates for one peer. */
const CANDIDATES_MESSAGE_LENGTH = 320;

/** The counter of the last candidates since a time, or, for 0, of the first ones. */
function counterOfCandidates({ sent }: Node, since: number): number | undefined {
  const sends = sent.filter(
    ({ at, payload }) => at >= since && payload.length === CANDIDATES_MESSAGE_LENGTH,
  );
  const send = since === 0 ? sends[0] : sends.at(-1);
  return send && readCounter(send.payload, 0);
}

/** Two clients that want each other and have found each other. */
function pair(world = new World()): [World, Node, Node] {
  const [a, b] = [world.node(), world.node()];
  a.want(b);
  b.want(a);
  world.runUntil(() => a.finds(b) !== undefined && b.finds(a) !== undefined);
  return [world, a, b];
}

describe('a sealed client', () => {
  it('a sealed client finds a registered peer two round trips after its start, and a waiting peer learns of it after one and a half', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    a.isSuspended = true;
    b.want(a);
    world.run(1000);
    // Below 300 ms, after which an initiation is repeated.
    const [roundTripMs, stepMs] = [240, 10];
    let toldAt = Number.POSITIVE_INFINITY;
    world.fate = ({ to, payload }) => {
      if (to === b.places[4] && payload[3] === MESSAGE.data) {
        toldAt = Math.min(toldAt, world.now);
      }
      return [roundTripMs / 2];
    };
    a.want(b);
    a.isSuspended = false;
    const start = world.now;
    const foundMs = world.runUntil(() => a.finds(b) !== undefined);
    assert.ok(foundMs <= 2 * roundTripMs + stepMs, `${foundMs} ms`);
    assert.ok(toldAt - start <= 1.5 * roundTripMs, `${toldAt - start} ms`);
    assert.equal(a.finds(b), b.places[4]);
    assert.equal(b.finds(a), a.places[4], 'its push has arrived as well');
    world.run(60_000);
    assert.equal(b.finds(a), a.places[4], 'the registration stays');
    assert.equal(world.server.handler.counts.earlyWants, 2);
  });

  it('a sealed client needs two round trips of 600 ms from cold', () => {
    const world = new World();
    world.fate = () => [300];
    const [a, b] = [world.node(), world.node()];
    a.want(b);
    b.want(a);
    const foundMs = world.runUntil(() => a.finds(b) !== undefined && b.finds(a) !== undefined);
    assert.ok(foundMs <= 1220, `${foundMs} ms`);
  });

  it('a sealed client takes in peers that overtake the response', () => {
    const world = new World();
    world.fate = ({ payload }) => [payload[3] === MESSAGE.response ? 70 : 10];
    const [a, b] = [world.node(), world.node()];
    a.want(b);
    b.want(a);
    const foundMs = world.runUntil(() => a.finds(b) !== undefined && b.finds(a) !== undefined);
    assert.ok(foundMs <= 110, `${foundMs} ms`);
    const { sent } = a;
    assert.equal(sent.filter(({ payload }) => payload[3] === MESSAGE.initiation).length, 2);
  });

  it('a sealed client asks again 0.1 s after the response where the peers behind it are lost', () => {
    const world = new World();
    let lost = 0;
    world.fate = ({ to, payload }) =>
      to !== 'server' && payload[3] === MESSAGE.data && lost++ < 3 ? [] : [10];
    const [a, b] = [world.node(), world.node()];
    a.want(b);
    b.want(a);
    const foundMs = world.runUntil(() => a.finds(b) !== undefined && b.finds(a) !== undefined);
    assert.ok(foundMs <= 180, `${foundMs} ms`);
  });

  it('a sealed client sends its list in the session to a server that does not take it before', () => {
    const world = new World();
    // As an older server, which drops an initiation of an unknown length.
    world.fate = ({ payload }) =>
      payload[3] === MESSAGE.initiation && payload.length !== 148 ? [] : [10];
    const [a, b] = [world.node(), world.node()];
    a.want(b);
    b.want(a);
    const foundMs = world.runUntil(() => a.finds(b) !== undefined && b.finds(a) !== undefined);
    assert.ok(foundMs <= 1200, `${foundMs} ms`);
    assert.equal(world.server.handler.counts.earlyWants, 0);
  });

  it('a sealed client stays registered though its first messages in the session are lost', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    b.want(a);
    a.want(b);
    let lost = 0;
    world.fate = ({ from, payload }) =>
      from === a.places[4] && payload[3] === MESSAGE.data && lost++ < 3 ? [] : [10];
    world.runUntil(() => b.finds(a) !== undefined);
    for (let i = 0; i < 60; i++) {
      world.run(500);
      assert.equal(b.finds(a), a.places[4]);
    }
    assert.ok(lost >= 3);
  });

  it('a sealed client that has a session keeps its want list out of initiations', () => {
    const [world, a] = pair();
    world.run(650_000);
    const initiations = a.sent.filter(({ payload }) => payload[3] === MESSAGE.initiation);
    assert.deepEqual(initiations.map(({ payload }) => payload.length).slice(0, 3), [
      148,
      176 + 32,
      148,
    ]);
    assert.ok(a.client.isEstablished);
  });

  for (const count of [33, 100, 1000]) {
    it(`a sealed client finds ${count} registered peers within ${count > 33 ? 'three' : 'two'} round trips`, () => {
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
      assert.ok(took <= (count > 33 ? 180 : 120), `${took} ms at 50 ms for each round trip`);
    });
  }

  it('a sealed client learns from the response where it is seen, and confirms the session 0.5 s later', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    a.want(b);
    world.runUntil(() => a.known.has(b.key));
    assert.deepEqual(a.client.observed.map(formatEndpoint), [a.places[4]]);
    const start = world.now;
    world.run(450);
    assert.equal(sentSince(a, start, MESSAGE.data), 0);
    world.run(100);
    assert.equal(sentSince(a, start, MESSAGE.data), 1, 'a ping');
  });

  it('a sealed client whose candidates are acknowledged needs no ping for its session', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    for (const node of [a, b]) {
      node.client.setLocalCandidates(hosts('192.168.1.7:51820'));
    }
    a.want(b);
    b.want(a);
    world.run(400);
    assert.ok(a.known.get(b.key)?.candidates !== undefined);
    const start = world.now;
    world.run(1500);
    assert.equal(sentSince(a, start) + sentSince(b, start), 0);
  });

  it('a sealed client stays registered where its first message is lost and others leave over IPv6', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    a.families = [4, 6];
    a.isSuspended = true;
    a.client.setLocalCandidates(hosts('192.168.1.7:51820'));
    let lost = 0;
    world.fate = ({ from, to, payload }) => {
      const isIpv6 = from === a.places[6] || to === a.places[6];
      const isFirstData = () => payload[3] === MESSAGE.data && lost++ < 1;
      const isLost = from === a.places[4] ? isFirstData() : payload[3] === MESSAGE.initiation;
      return isLost && from !== b.places[4] ? [] : [isIpv6 ? 300 : 10];
    };
    b.want(a);
    world.run(500);
    a.want(b);
    a.isSuspended = false;
    world.runUntil(() => b.finds(a) !== undefined);
    for (let i = 0; i < 40; i++) {
      world.run(500);
      assert.equal(b.finds(a), a.places[4]);
    }
    assert.ok(lost > 0);
  });

  it('a sealed client pings a family that stays silent in its usual time', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    a.families = [4, 6];
    let sent = 0;
    world.fate = ({ from, payload }) => {
      const isData = from === a.places[4] && payload[3] === MESSAGE.data;
      sent += Number(isData);
      return isData || (from === a.places[6] && payload[3] === MESSAGE.initiation) ? [] : [10];
    };
    a.want(b);
    b.want(a);
    world.run(120_000);
    assert.ok(a.client.isEstablished);
    assert.ok(sent <= 30, `${sent} datagrams over IPv4`);
  });

  it('a sealed client whose server moved does not know when that sees it', () => {
    const [world, a] = pair();
    assert.ok((a.client.observedAt(4) ?? Number.POSITIVE_INFINITY) <= world.now);
    a.client.moved(4);
    assert.equal(a.client.observedAt(4), undefined);
    world.run(500);
    assert.notEqual(a.client.observedAt(4), undefined);
  });

  it('a sealed client pings at once where the response has no room for its address', () => {
    const world = new World();
    const a = world.node();
    a.families = [6];
    a.begin();
    const foundMs = world.runUntil(() => a.client.observed.length > 0);
    assert.ok(foundMs <= 100, `${foundMs} ms`);
    assert.equal(sentSince(a, 0, MESSAGE.data), 1);
    assert.deepEqual(a.client.observed.map(formatEndpoint), [a.places[6]]);
  });

  it('a sealed client gets a push about a peer that comes later, and does not poll', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    a.want(b);
    world.runUntil(() => a.known.has(b.key));
    assert.equal(a.finds(b), undefined);
    world.run(1000);
    const waiting = world.now;
    world.run(20_000);
    assert.equal(sentSince(a, waiting + 1), 0);
    b.want(a);
    assert.ok(world.runUntil(() => a.finds(b) !== undefined) < 150);
    assert.equal(sentSince(a, waiting + 1), 1, 'the acknowledgement');
  });

  it('a sealed client learns nothing about a peer that does not want it', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    a.want(b);
    b.want();
    world.run(5000);
    assert.equal(a.known.get(b.key)?.ipv4, undefined);
  });

  it('a sealed client pings every 25 s, and at once on refresh', () => {
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

  it('a sealed client pings every 2 s while a peer is missing, over one family at a time', () => {
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

  it('a sealed client that waits for a peer notices a restarted server within 2 s', () => {
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

  it('a sealed client pings at the given interval, over each family', () => {
    for (const families of [[4], [4, 6]] as const) {
      const world = new World();
      const a = world.node();
      a.families = families;
      a.pingIntervalMs = 7000;
      a.begin();
      world.run(1000);
      const start = world.now;
      world.run(70_000);
      assert.equal(sentSince(a, start), 10 * families.length);
    }
  });

  it('a sealed client sends a want list of a thousand peers at once', () => {
    const world = new World();
    const a = world.node();
    const keys = Array.from({ length: 1000 }, () => generateKeyPair().publicKey);
    a.client.want(new Map(keys.map((publicKey) => [formatPublicKey(publicKey), { publicKey }])));
    world.run(300);
    assert.equal(sentSince(a, 0, MESSAGE.data), Math.ceil((1000 - 33) / 37));
  });

  it('a sealed client takes a peer off its want list, and back on it', () => {
    const [world, a, b] = pair();
    a.want();
    world.runUntil(() => b.finds(a) === undefined);
    a.want(b);
    world.runUntil(() => b.finds(a) !== undefined && a.finds(b) !== undefined);
  });

  it('a sealed client survives changes of its want list faster than the server answers', () => {
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

  it('a sealed client sends its local candidates to a mutual peer, once for each change', () => {
    const [world, a, b] = pair();
    a.client.setLocalCandidates(hosts('192.168.1.2:51820', '[2001:db8:1::2]:51820'));
    world.run(1000);
    const candidates = b.known
      .get(a.key)
      ?.candidates?.candidates.map(({ endpoint }) => formatEndpoint(endpoint));
    assert.deepEqual(candidates, ['192.168.1.2:51820', '[2001:db8:1::2]:51820']);
    const quiet = world.now;
    world.run(20_000);
    assert.equal(sentSince(a, quiet), 0, 'said once');
    a.client.setLocalCandidates(hosts('10.0.0.9:51820'));
    world.runUntil(
      () => b.known.get(a.key)?.candidates?.candidates[0]?.endpoint.address === '10.0.0.9',
    );
  });

  for (const own of [hosts(), hosts('192.168.1.3:51820')]) {
    it(`a sealed client sends its candidates again to a peer with ${own.candidates.length} of its own that left and came back in one push`, () => {
      const [world, a, b] = pair();
      a.client.setLocalCandidates(hosts('192.168.1.2:51820'));
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
      assert.equal(b.known.get(a.key)?.candidates?.candidates[0]?.endpoint.address, '192.168.1.2');
      const quiet = world.now;
      world.run(20_000);
      assert.equal(sentSince(a, quiet) + sentSince(b, quiet), 0);
    });
  }

  it('a sealed client sends unchanged candidates once, and an empty list when they are gone', () => {
    const [world, a, b] = pair();
    a.client.setLocalCandidates(hosts('192.168.1.2:51820'));
    world.run(1000);
    const again = world.now;
    a.client.setLocalCandidates(hosts('192.168.1.2:51820'));
    world.run(1000);
    assert.equal(sentSince(a, again), 0);
    a.client.setLocalCandidates(hosts());
    world.run(1000);
    assert.deepEqual(b.known.get(a.key)?.candidates?.candidates, []);
  });

  it('a sealed client ends when a notice answers its repeated bye', () => {
    const [world, a] = pair();
    world.run(1000);
    const start = world.now;
    world.fate = ({ to }) => (to === a.places[4] && world.now < start + 300 ? [] : [10]);
    a.client.leave(world.now);
    world.runUntil(() => a.client.isOver, 600);
    world.run(5000);
    assert.equal(sentSince(a, start), 2, 'goodbye, twice');
  });

  it('a sealed client sends nothing after wipe', () => {
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

  it('a sealed client that is stopped before the response to its initiation says bye when it comes', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    b.want(a);
    a.want(b);
    // The first initiation gets a cookie; the second one opens a session.
    world.runUntil(() => sentSince(a, 0, MESSAGE.initiation) === 2);
    a.client.leave(world.now);
    assert.equal(a.client.isOver, false);
    world.runUntil(() => a.client.isOver, 100);
    world.run(5000);
    assert.equal(world.server.handler.counts.forgotten, 1);
    assert.equal(b.finds(a), undefined);
  });

  it('a sealed client that is stopped during a handshake for a new session says bye in that session', () => {
    const [world, a, b] = pair();
    world.run(1000);
    world.restartServer();
    a.client.refresh();
    const start = world.now;
    world.runUntil(() => sentSince(a, start, MESSAGE.initiation) === 2, 30_000);
    a.client.leave(world.now);
    world.runUntil(() => a.client.isOver, 500);
    world.run(30_000);
    assert.equal(b.finds(a), undefined);
    assert.equal(sentSince(a, start, MESSAGE.initiation), 2, 'no handshake after that');
  });

  it('a sealed client that is stopped after an outage says bye in its stalled session', () => {
    const [world, a, b] = pair();
    world.run(3000);
    world.fate = () => [];
    world.run(30_000);
    assert.equal(b.finds(a), a.places[4]);
    world.fate = () => [10];
    a.client.leave(world.now);
    world.runUntil(() => a.client.isOver, 900);
    world.runUntil(() => b.finds(a) === undefined, 500);
  });

  it('a sealed client that is stopped while the response to a rekeying is lost ends when that is overdue', () => {
    const [world, a, b] = pair();
    world.fate = ({ payload }) => (payload[3] === MESSAGE.response ? [] : [10]);
    const start = world.now;
    world.runUntil(() => sentSince(a, start, MESSAGE.initiation) === 2, 700_000);
    a.client.leave(world.now);
    let rests = 0;
    world.runUntil(() => {
      rests += Number(!a.client.isOver && a.client.nextAt <= world.now);
      return a.client.isOver;
    }, 600);
    assert.ok(rests <= 2, `due ${rests} times without an end`);
    world.runUntil(() => b.finds(a) === undefined, 500);
  });

  it('a sealed client that is stopped begins no handshake', () => {
    const world = new World();
    const a = world.node();
    world.isServerDown = true;
    a.want();
    world.run(1000);
    const start = world.now + 1;
    world.run(1);
    a.client.leave(world.now);
    assert.equal(a.client.isOver, true, 'no server can have a session');
    world.run(10_000);
    assert.equal(sentSince(a, start), 0);
  });

  it('a sealed client says bye, so that its peers know at once', () => {
    const [world, a, b] = pair();
    a.client.leave(world.now);
    world.runUntil(() => a.client.isOver, 100);
    world.runUntil(() => b.finds(a) === undefined, 500);
  });
});

describe('a session', () => {
  it('a session that the server lost in a restart is replaced after a notice', () => {
    const [world, a, b] = pair();
    world.restartServer();
    world.run(60_000);
    assert.equal(a.finds(b), b.places[4]);
    assert.equal(b.finds(a), a.places[4]);
    b.want();
    world.runUntil(() => a.finds(b) === undefined);
  });

  it('a session that the server lost is replaced after silence, if there are no notices', () => {
    const [world, a, b] = pair(new World({ only: true }));
    world.restartServer();
    world.run(60_000);
    b.want();
    world.runUntil(() => a.finds(b) === undefined, 1000);
  });

  it('a session is rekeyed after ten minutes, and peers notice nothing', () => {
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

  it('a session is replaced after a suspend in which the server forgot the client', () => {
    const [world, a, b] = pair();
    a.isSuspended = true;
    world.run(400_000);
    assert.equal(b.finds(a), undefined);
    a.isSuspended = false;
    world.runUntil(() => b.finds(a) === a.places[4], 30_000);
    world.run(5000);
    assert.equal(a.finds(b), b.places[4]);
  });

  it('a session goes on from another port, once that is proven', () => {
    const [world, a, b] = pair();
    world.run(5000);
    const start = world.now;
    a.places[4] = '198.51.100.77:4321';
    a.client.refresh();
    a.work();
    world.runUntil(() => b.finds(a) === '198.51.100.77:4321', 1000);
    assert.equal(sentSince(a, start, MESSAGE.initiation), 0);
  });

  it('a session repeats at once the messages that the server ignored before the path response', () => {
    const [world, a, b] = pair();
    world.run(5000);
    const c = world.node();
    a.places[4] = '198.51.100.77:4321';
    a.want(b, c);
    a.work();
    assert.ok(world.runUntil(() => a.known.has(c.key)) < 150);
  });

  it('a session is registered over both families again soon after a restart of the server', () => {
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

  it('a session ignores an acknowledgement in the session before it', () => {
    const [world, a] = pair();
    const held: Uint8Array[] = [];
    world.fate = ({ to, payload }) => {
      if (to === a.places[4]) {
        held.push(payload);
        return [];
      }
      return [10];
    };
    a.client.setLocalCandidates(hosts('192.168.1.2:51820'));
    world.run(200);
    const [acknowledgement] = held;
    assert.ok(acknowledgement);
    // A new session, in which the candidates do not reach the server.
    world.fate = ({ payload }) => (payload.length === CANDIDATES_MESSAGE_LENGTH ? [] : [10]);
    const notice = new Uint8Array(24);
    writeNotice(notice, 0, 1, a.sent.at(-1)!.payload, 0);
    const before = sentSince(a, 0, MESSAGE.initiation);
    a.hear(4, notice);
    world.runUntil(() => sentSince(a, 0, MESSAGE.initiation) > before);
    const [acknowledged, start] = [counterOfCandidates(a, 0), world.now];
    world.runUntil(() => counterOfCandidates(a, start) === acknowledged);
    a.hear(4, acknowledgement);
    world.run(2000);
    assert.notEqual(counterOfCandidates(a, start), acknowledged, 'it is sent again');
  });

  it('a handshake needs one more initiation for a cookie, however often that is duplicated', () => {
    const world = new World();
    world.fate = ({ to }) => (to === 'server' ? [10] : [10, 10, 12, 12]);
    const a = world.node();
    world.run(1000);
    assert.ok(a.client.isEstablished);
    assert.equal(sentSince(a, 0, MESSAGE.initiation), 2);
  });

  it('a handshake sends no initiation twice that the server may have accepted', () => {
    const world = new World();
    world.fate = ({ payload }) =>
      payload[3] === MESSAGE.response && world.now < 1_000_200 ? [] : [10];
    const a = world.node();
    world.run(2000);
    assert.ok(a.client.isEstablished);
    assert.equal(a.client.status.staleByMs, undefined);
  });

  it('a session begins over IPv6 if there are both families, and is registered over both', () => {
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

  it('a session goes on over the other family when one falls silent', () => {
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
      it(`a session needs one handshake where IPv${dead} is dead from the start, with a round trip of ${2 * delayMs} ms`, () => {
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
    it(`a handshake succeeds over a round trip of ${roundTripMs} ms, the first time and the next`, () => {
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

it('a handshake drops a cookie that brings no answer, and finds a server that comes back within 5 s', () => {
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

describe('the server status', () => {
  it('the server status shows that the server has another key', () => {
    const world = new World();
    const a = world.node(undefined, generateKeyPair().publicKey);
    world.run(3000);
    assert.ok(a.client.status.hasWrongKey);
    assert.equal(a.client.status.unanswered, 0);
  });

  it('the server status counts unanswered initiations: 0.3 s apart, then up to 2 s, after 150 of them 25 s', () => {
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

  it('the server status shows a refusal by the allow list, tried less and less often', () => {
    const world = new World({ allow: new Set() as never });
    const a = world.node();
    world.run(60_000);
    assert.equal(a.client.status.refusal, 'not-allowed');
    assert.ok(a.sent.length < 20, `${a.sent.length} datagrams`);
    world.server.handler.allowOnly({ has: () => true } as never);
    world.runUntil(() => a.client.status.refusal === undefined, 30_000);
  });

  it('the server status shows that the server is full', () => {
    const world = new World({ maxClients: 1 });
    const a = world.node();
    world.run(1000);
    const b = world.node();
    world.run(3000);
    assert.ok(a.client.isEstablished);
    assert.equal(b.client.status.refusal, 'full');
  });

  it('the server status shows a clock that went back; later timestamps go on', () => {
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

  it('the server status shows no clock that went back where an initiation is duplicated and its welcome lost', () => {
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

  it('the server status shows a clock that is hours off', () => {
    const world = new World();
    const a = world.node();
    a.clockAheadMs = 3 * 3_600_000;
    world.run(1000);
    const { clockAheadMs } = a.client.status;
    assert.equal(Math.round((clockAheadMs ?? 0) / 3_600_000), 3);
  });

  it('the want list shows peers beyond the number that the server allows', () => {
    const world = new World({ maxWanted: 1 });
    const nodes = [world.node(), world.node(), world.node()] as const;
    nodes[0].want(nodes[1], nodes[2]);
    world.run(1000);
    assert.equal(nodes[0].client.notKept.length, 1);
  });

  it('the want list sends a peer beyond that number once another is removed', () => {
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
    assert.ok(wants <= 6, `${wants} wants`);
    a.want(c);
    world.runUntil(() => a.finds(c) !== undefined, 500);
    assert.deepEqual(a.client.notKept, []);
  });
});
