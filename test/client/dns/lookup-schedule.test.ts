import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, type OptAnswer } from 'dns-packet';
import fc from 'fast-check';
import {
  BURST,
  MAX_IN_FLIGHT,
  MAX_OVER_TCP,
  TCP_TIMEOUT_MS,
} from '../../../src/client/dns/exchanges.js';
import { LookupSchedule } from '../../../src/client/dns/lookup-schedule.js';
import type { Answer, SoughtPeer } from '../../../src/client/finder.js';
import { RCODE } from '../../../src/wire/dns-reply.js';
import { instanceLabel, instanceName } from '../../../src/wire/dns-sd.js';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import { formatPublicKey, publicKey } from '../../../src/wire/key.js';
import { address, located, questionOf, replyTo, srv, ZONE } from './replies.js';

const ASK_INTERVAL_MS = 200;

const BAD_VERSION: OptAnswer = {
  name: '.',
  type: 'OPT',
  udpPayloadSize: 1232,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  extendedRcode: RCODE.BADVERS >> 4,
  options: [],
};

class FakePeer implements SoughtPeer {
  needsRelay(): boolean {
    return false;
  }

  relayed(): void {}

  readonly publicKey;
  answer: Answer | undefined;
  askAt = 0;
  alive = false;

  constructor(number: number) {
    this.publicKey = publicKey(new Uint8Array(32).fill(number));
  }
  isAlive(): boolean {
    return this.alive;
  }
  asked(now: number): void {
    this.askAt = now + ASK_INTERVAL_MS;
  }
  answered(answer: Answer): void {
    this.answer = answer;
  }
  offered(): void {}
  get said(): string | undefined {
    return Array.isArray(this.answer)
      ? this.answer.map(formatEndpoint).join()
      : (this.answer as string | undefined);
  }
  get name(): string {
    return instanceName(instanceLabel(this.publicKey), ZONE);
  }
}

/** A schedule on a fake clock, with so many peers. */
function bench(count: number, randomId?: () => number) {
  const peers = Array.from({ length: count }, (_, i) => new FakePeer(i + 1));
  const map = new Map(peers.map((peer) => [formatPublicKey(peer.publicKey), peer]));
  let id = 1000;
  const schedule = new LookupSchedule(map, ZONE, randomId ?? (() => id++));
  return { schedule, peers, map, first: peers[0] as FakePeer };
}

function only<T>(list: readonly T[]): T {
  assert.equal(list.length, 1);
  return list[0] as T;
}

/** Times up to an end at which the schedule sends, worked whenever it asks for that. */
function sendTimes(schedule: LookupSchedule, end: number): number[] {
  const times: number[] = [];
  for (let now = 0; now <= end; now = Math.max(now + 1, schedule.nextAt(now))) {
    times.push(...schedule.work(now).map(() => now));
  }
  return times;
}

test('a peer is looked up, and asked about again when it is time', () => {
  const { schedule, first } = bench(1);
  const query = only(schedule.work(0));
  assert.deepEqual(questionOf(query), { name: first.name, type: 'SRV', class: 'IN' });
  assert.equal(schedule.received(located(query, '192.0.2.7', 41424), 50), undefined);
  assert.equal(first.said, '192.0.2.7:41424');
  assert.equal(schedule.nextAt(50), ASK_INTERVAL_MS);
  assert.deepEqual(schedule.work(50), []);
  const again = only(schedule.work(ASK_INTERVAL_MS));
  schedule.received(replyTo(again, { rcode: 'NXDOMAIN' }), 250);
  assert.equal(first.said, 'unknown');
  assert.equal(schedule.failure, undefined);
});

test('a peer with a session is left alone', () => {
  const { schedule, first } = bench(1);
  first.alive = true;
  assert.deepEqual(schedule.work(0), []);
  assert.equal(schedule.nextAt(0), Number.POSITIVE_INFINITY);
});

test('a query is sent three times, with growing patience; then that is a failure, until it is over', () => {
  const { schedule, first } = bench(1);
  first.asked = () => {
    first.askAt = 10_000;
  };
  assert.deepEqual(sendTimes(schedule, 3499), [0, 500, 1500]);
  assert.equal(schedule.isSilent, false);
  assert.deepEqual(schedule.work(3500), []);
  assert.deepEqual(schedule.failure, { kind: 'silent' });
  assert.equal(schedule.isSilent, true);
  schedule.reset();
  assert.equal(schedule.isSilent, false);
  const query = only(schedule.work(10_000));
  assert.deepEqual(schedule.failure, { kind: 'silent' });
  schedule.received(located(query, '192.0.2.7'), 10_001);
  assert.equal(schedule.failure, undefined);
});

test('a failure is forgotten with its peer, and when its peer is connected', () => {
  for (const end of ['gone', 'alive'] as const) {
    const { schedule, first, map } = bench(1);
    schedule.received(replyTo(only(schedule.work(0)), { rcode: 'SERVFAIL' }), 1);
    assert.deepEqual(schedule.failure, { kind: 'rcode', rcode: 2 });
    first.alive = end === 'alive';
    if (end === 'gone') {
      map.clear();
    }
    schedule.work(2);
    assert.equal(schedule.failure, undefined);
  }
});

test('the server is not silent while it answers other questions', () => {
  const { schedule, peers } = bench(2);
  const [lost, answered] = schedule.work(0);
  assert.ok(lost && answered);
  schedule.received(located(answered, '192.0.2.7'), 10);
  for (const peer of peers) {
    peer.askAt = 10_000;
  }
  for (let now = 100; now <= 4000; now += 100) {
    schedule.work(now);
  }
  assert.deepEqual(schedule.failure, { kind: 'silent' });
  assert.equal(schedule.isSilent, false);
});

test('many peers: queries are paced, bounded in flight, and none is forgotten', () => {
  const { schedule, peers } = bench(200);
  const sent: number[] = [];
  for (let now = 0; now < 40; now += 10) {
    sent.push(schedule.work(now).length);
    assert.deepEqual(schedule.work(now + 5), []);
  }
  assert.deepEqual(sent, [BURST, BURST, BURST, BURST]);
  assert.equal(4 * BURST, MAX_IN_FLIGHT);
  assert.deepEqual(schedule.work(40), []);
  assert.equal(peers.filter(({ askAt }) => askAt > 0).length, MAX_IN_FLIGHT, 'others wait');

  const crowd = bench(200);
  const inFlight: { query: Uint8Array; due: number }[] = [];
  for (let now = 0; now < 1000; now++) {
    for (const query of crowd.schedule.work(now)) {
      inFlight.push({ query, due: now + 50 });
    }
    assert.ok(inFlight.length <= MAX_IN_FLIGHT);
    while (inFlight[0] !== undefined && inFlight[0].due <= now) {
      crowd.schedule.received(located(inFlight[0].query, '192.0.2.7'), now);
      inFlight.shift();
    }
    for (const peer of crowd.peers) {
      peer.alive ||= peer.answer !== undefined;
    }
    if (crowd.peers.every(({ alive }) => alive)) {
      assert.ok(now < 300, `took ${now} ms`);
      return;
    }
  }
  assert.fail(`only ${crowd.peers.filter(({ alive }) => alive).length} of ${peers.length}`);
});

test('questions that follow from replies are bounded in flight too', () => {
  const { schedule, peers } = bench(MAX_IN_FLIGHT);
  const queries = [0, 10, 20, 30].flatMap((now) => schedule.work(now));
  assert.equal(queries.length, MAX_IN_FLIGHT);
  for (const [i, query] of queries.entries()) {
    const answers = [srv(questionOf(query).name, 7, { target: `host${i}.example.net` })];
    schedule.received(replyTo(query, { answers }), 40);
  }
  const further = [50, 60, 70, 80, 90, 100].flatMap((now) => schedule.work(now));
  assert.equal(further.length, MAX_IN_FLIGHT);
  assert.equal(schedule.nextAt(100), 550, 'nothing to do before the first is sent again');
  for (const query of further) {
    const { name } = questionOf(query);
    schedule.received(replyTo(query, { answers: [address(name, '192.0.2.7')] }), 110);
  }
  assert.equal(schedule.work(120).length, BURST, 'the other half of them');
  assert.ok(peers.some(({ said }) => said === '192.0.2.7:7'));
});

test('an id in flight is not used a second time', () => {
  const { schedule } = bench(3, () => 0xffff);
  const ids = schedule.work(0).map((query) => decode(Buffer.from(query)).id);
  assert.deepEqual(ids, [0xffff, 0, 1]);
});

test('a reply to another question is not taken, and the right one still is', () => {
  const { schedule, peers } = bench(2);
  const [p, q] = schedule.work(0);
  assert.ok(p && q);
  const crossed = Uint8Array.from(located(q, '192.0.2.66'));
  crossed.set(p.subarray(0, 2));
  schedule.received(crossed, 1);
  schedule.received(located(p, '192.0.2.66').subarray(0, 40), 1);
  assert.deepEqual(
    peers.map(({ said }) => said),
    [undefined, undefined],
  );
  schedule.received(located(p, '192.0.2.1'), 2);
  schedule.received(located(p, '192.0.2.66'), 3);
  schedule.received(located(q, '192.0.2.2'), 4);
  assert.deepEqual(
    peers.map(({ said }) => said),
    ['192.0.2.1:51820', '192.0.2.2:51820'],
  );
});

test('a truncated reply is followed by one query over TCP, and by no datagrams', () => {
  const { schedule, first } = bench(1);
  const query = only(schedule.work(0));
  const exchange = schedule.received(replyTo(query, { truncated: true }), 10);
  assert.deepEqual(exchange?.query, query);
  assert.equal(schedule.received(replyTo(query, { truncated: true }), 11), undefined);
  assert.deepEqual(schedule.work(3000), []);
  assert.ok(exchange);
  schedule.receivedOverTcp(exchange, located(query, '192.0.2.7'), 3001);
  assert.equal(first.said, '192.0.2.7:51820');
  schedule.receivedOverTcp(exchange, new Error('late'), 3002);
  assert.equal(schedule.failure, undefined);
});

test('few queries go over TCP at a time; the others are repeated, and find room', () => {
  const { schedule } = bench(BURST + 4);
  const queries = [...schedule.work(0), ...schedule.work(10)];
  const cut = (query: Uint8Array, now: number) =>
    schedule.received(replyTo(query, { truncated: true }), now);
  const over = queries.map((query) => cut(query, 20)).filter((it) => it !== undefined);
  assert.equal(queries.length, BURST + 4);
  assert.equal(over.length, MAX_OVER_TCP);
  for (const exchange of over.slice(0, 4)) {
    schedule.receivedOverTcp(exchange, located(exchange.query, '192.0.2.7'), 30);
  }
  const again = queries.slice(MAX_OVER_TCP).map((query) => cut(query, 600));
  assert.equal(again.filter((it) => it !== undefined).length, 4);
});

test('a failure over TCP is one of its own', () => {
  const results = [
    [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [new Error('the server ended the connection'), 'the server ended the connection'],
    [new Uint8Array(3), 'no DNS answer came'],
    ['truncated', 'no DNS answer came'],
  ] as const;
  for (const [result, reason] of results) {
    const { schedule } = bench(1);
    const query = only(schedule.work(0));
    const exchange = schedule.received(replyTo(query, { truncated: true }), 10);
    assert.ok(exchange);
    const again = replyTo(query, { truncated: true });
    schedule.receivedOverTcp(exchange, result === 'truncated' ? again : result, 20);
    assert.deepEqual(schedule.failure, { kind: 'tcp', reason });
  }
  const { schedule } = bench(1);
  schedule.received(replyTo(only(schedule.work(0)), { truncated: true }), 10);
  schedule.work(10 + TCP_TIMEOUT_MS);
  assert.notEqual(schedule.failure, undefined, 'given up');
});

test('a reply over TCP from before a new start is ignored', () => {
  const { schedule, first } = bench(1, () => 7);
  const query = only(schedule.work(0));
  const exchange = schedule.received(replyTo(query, { truncated: true }), 10);
  assert.ok(exchange);
  schedule.reset();
  const again = only(schedule.work(ASK_INTERVAL_MS));
  assert.deepEqual(again, query, 'the same id');
  schedule.receivedOverTcp(exchange, located(query, '192.0.2.66'), 210);
  assert.equal(first.said, undefined);
  schedule.received(located(again, '192.0.2.7'), 220);
  assert.equal(first.said, '192.0.2.7:51820');
});

test('a server that cannot read EDNS gets queries without it', () => {
  const { schedule, first } = bench(1);
  const query = only(schedule.work(0));
  schedule.received(replyTo(query, { rcode: 'FORMERR', questions: [] }), 10);
  const plain = only(schedule.work(10));
  assert.deepEqual(decode(Buffer.from(plain)).additionals, []);
  schedule.received(located(plain, '192.0.2.7'), 20);
  assert.equal(first.said, '192.0.2.7:51820');
  const again = only(schedule.work(ASK_INTERVAL_MS));
  schedule.received(replyTo(again, { rcode: 'FORMERR' }), 210);
  schedule.received(replyTo(only(schedule.work(210)), { rcode: 'FORMERR' }), 220);
  assert.deepEqual(schedule.failure, { kind: 'rcode', rcode: 1 });
});

test('a server that does not know our version of EDNS gets queries without it', () => {
  const { schedule, first } = bench(1);
  const query = only(schedule.work(0));
  const badVersion = encode({
    ...decode(Buffer.from(query)),
    type: 'response',
    additionals: [BAD_VERSION],
  });
  schedule.received(badVersion, 10);
  assert.equal(first.said, undefined);
  const plain = only(schedule.work(10));
  assert.deepEqual(decode(Buffer.from(plain)).additionals, []);
  schedule.received(badVersion, 20);
  assert.deepEqual(schedule.failure, { kind: 'rcode', rcode: RCODE.BADVERS });
});

test('a target elsewhere is looked up by questions of its own', () => {
  const { schedule, first } = bench(1);
  const query = only(schedule.work(0));
  const target = 'host.example.net';
  schedule.received(replyTo(query, { answers: [srv(first.name, 7, { target })] }), 10);
  const [aaaa, a] = schedule.work(10);
  assert.ok(aaaa && a);
  assert.deepEqual([questionOf(aaaa).type, questionOf(a).type], ['AAAA', 'A']);
  schedule.received(replyTo(a, { answers: [address(target, '192.0.2.7')] }), 20);
  assert.equal(first.said, undefined);
  schedule.received(replyTo(aaaa), 30);
  assert.equal(first.said, '192.0.2.7:7');
});

test('an answer that may be remembered is not asked for again, for 25 s at most', () => {
  for (const [ttl, next] of [
    [0, ASK_INTERVAL_MS],
    [3, 3100],
    [86_400, 25_100],
  ] as const) {
    const { schedule, first } = bench(1);
    const query = only(schedule.work(0));
    const answers = [srv(first.name, 7, { ttl }), address(first.name, '192.0.2.7', ttl)];
    schedule.received(replyTo(query, { answers }), 100);
    assert.equal(schedule.nextAt(100), next);
    assert.deepEqual(schedule.work(next - 1), []);
    assert.equal(schedule.work(next).length, 1);
  }
});

test('random datagrams never throw and are taken for nothing', () => {
  const { schedule, peers } = bench(3);
  const queries = schedule.work(0);
  const ids = queries.map((query) => [...query.subarray(0, 2)]);
  const random = fc.tuple(fc.constantFrom(...ids), fc.uint8Array({ maxLength: 600, size: 'max' }));
  fc.assert(
    fc.property(random, ([id, bytes]) => {
      assert.equal(schedule.received(bytes, 1), undefined);
      assert.equal(schedule.received(Uint8Array.from([...id, ...bytes]), 1), undefined);
    }),
    { numRuns: 1000 },
  );
  assert.ok(peers.every(({ said }) => said === undefined));
});
