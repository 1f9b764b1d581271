import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import { FRAME } from '../../../src/wire/sealed-frames.js';
import { SealedRendezvous } from './sealed-rendezvous.js';
import { TestClient } from './test-client.js';

const ALICE = '198.51.100.7';
const BOB = '203.0.113.8';
const ELSEWHERE = '198.51.100.99';

function acquainted(world: SealedRendezvous) {
  const [a, b] = [ALICE, BOB].map((address) => new TestClient(world, address)) as [
    TestClient,
    TestClient,
  ];
  for (const client of [a, b]) {
    assert.ok(client.connect());
  }
  a.want(b.publicKey);
  b.want(a.publicKey);
  for (const client of [a, b]) {
    client.takePushes();
  }
  return { a, b };
}

const observe = (client: TestClient) => client.seal((writer) => writer.observe());

test('a client learns where it is seen, and the other port', () => {
  const world = new SealedRendezvous({ otherPort: (socket) => (socket === 0 ? 49919 : 0) });
  const { a } = acquainted(world);
  const answer = a.exchange(observe(a));
  assert.ok(answer?.kind === FRAME.observed);
  assert.equal(formatEndpoint(answer.endpoint), `${ALICE}:51820`);
  assert.equal(answer.counter, a.transport!.sealedCount - 1);
  assert.equal(answer.otherPort, 49919);
  assert.equal(world.handler.counts.observed, 1);
});

test('a question from another source changes nothing, and needs no proof', () => {
  const world = new SealedRendezvous();
  const { a, b } = acquainted(world);
  for (const [address, port] of [
    [ELSEWHERE, 51820],
    [ALICE, 40_001],
  ] as const) {
    const answer = a.open(world.ask(address, port, observe(a)));
    assert.ok(answer?.kind === FRAME.observed, 'no challenge');
    assert.equal(formatEndpoint(answer.endpoint), `${address}:${port}`);
  }
  world.wait(2000);
  assert.deepEqual(b.takePushes(), [], 'the peer hears of no move');
  assert.equal(b.find(a.publicKey), `${ALICE}:51820`);
  assert.equal(world.handler.counts.moves, 0);
  assert.equal(world.handler.counts.challenges, 0);
});

test('it does not keep a client registered, or register one', () => {
  const world = new SealedRendezvous({ ttlMs: 60_000 });
  const { a, b } = acquainted(world);
  world.wait(50_000);
  assert.ok(b.exchange(b.plain(FRAME.ping)));
  assert.ok(a.exchange(observe(a)));
  world.wait(15_000);
  assert.equal(b.find(a.publicKey), undefined, 'forgotten 65 s after its last message');
  const c = new TestClient(world, ELSEWHERE);
  assert.ok(c.connect());
  assert.ok(c.exchange(observe(c)));
  b.want(a.publicKey, c.publicKey);
  assert.equal(b.find(c.publicKey), undefined);
});

test('the answer is no longer than the question, and a shorter question has none', () => {
  const world = new SealedRendezvous();
  for (const address of [ALICE, '2001:db8::7']) {
    const client = new TestClient(world, address);
    assert.ok(client.connect());
    const question = observe(client);
    assert.equal(client.ask(question)?.length, question.length, address);
    const short = client.seal((writer) => {
      writer.observe();
      Object.defineProperty(writer, 'length', { value: 16, configurable: true });
    });
    assert.equal(short.length, 48);
    assert.equal(client.ask(short), undefined, address);
    client.connect();
  }
});

test('a repeated question is not answered', () => {
  const world = new SealedRendezvous();
  const { a } = acquainted(world);
  const question = observe(a);
  const copy = question.slice();
  assert.ok(a.ask(question));
  assert.equal(world.ask(ELSEWHERE, 51820, copy), undefined);
});

test('questions count against the rate of their client', () => {
  const world = new SealedRendezvous({ clientRate: 10 });
  const { a } = acquainted(world);
  const answers = Array.from({ length: 40 }, () => a.ask(observe(a))).filter(Boolean);
  assert.ok(answers.length <= 20, `${answers.length}`);
});
