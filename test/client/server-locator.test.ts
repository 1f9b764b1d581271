import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ServerLocator } from '../../src/client/server-locator.js';

/** A locator whose lookups give what the test says, in turn; an Error is thrown. */
function locator(...answers: (readonly string[] | Error)[]) {
  const asked: string[] = [];
  let changes = 0;
  const located = new ServerLocator(
    { host: 'rv.example.org', port: 49918 },
    () => {
      changes += 1;
    },
    async (host) => {
      asked.push(host);
      const answer = answers[Math.min(asked.length, answers.length) - 1];
      if (answer instanceof Error) {
        throw answer;
      }
      return answer ?? [];
    },
  );
  return { located, asked, changes: () => changes };
}

const notFound = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });

test('an address needs no lookup', () => {
  const located = new ServerLocator({ host: '2001:db8::1', port: 5 }, () => {}, assert.fail);
  located.poll(0);
  assert.deepEqual(located.endpoint, { address: '2001:db8::1', port: 5, family: 6 });
});

test('IPv4 comes before IPv6, and a silent address makes room for the next', async () => {
  const { located, changes } = locator(['2001:db8::1', '192.0.2.1']);
  const inUse = () => located.endpoint?.address;
  assert.equal(inUse(), undefined);
  located.poll(0);
  await turn();
  assert.equal(changes(), 1);
  assert.equal(inUse(), '192.0.2.1');
  located.advance(10_000);
  assert.equal(inUse(), '2001:db8::1');
  located.advance(10_000);
  assert.equal(inUse(), '192.0.2.1');
});

test('a name is looked up again every minute, and sooner while the server is silent', async () => {
  const { located, asked } = locator(['192.0.2.1'], ['192.0.2.2']);
  for (const now of [0, 59_999, 60_000, 60_001]) {
    located.poll(now);
    await turn();
  }
  assert.equal(asked.length, 2);
  assert.equal(located.endpoint?.address, '192.0.2.2');
  located.advance(70_000);
  located.poll(69_999);
  await turn();
  assert.equal(asked.length, 2);
  located.poll(70_000);
  await turn();
  assert.equal(asked.length, 3);
});

test('every lookup starts from the first address, whatever order it came in', async () => {
  const { located } = locator(['192.0.2.2', '2001:db8::1', '192.0.2.1']);
  located.poll(0);
  await turn();
  assert.equal(located.endpoint?.address, '192.0.2.1');
  located.advance(60_000);
  located.advance(60_000);
  located.poll(60_000);
  await turn();
  assert.equal(located.endpoint?.address, '192.0.2.1');
});

test('a lookup keeps the address at which the server answers, as long as the name has it', async () => {
  const { located } = locator(
    ['192.0.2.1', '192.0.2.2', '2001:db8::1'],
    ['2001:db8::1', '192.0.2.3', '192.0.2.2', '192.0.2.1'],
    ['2001:db8::2', '192.0.2.2', '192.0.2.1'],
    ['2001:db8::2', '192.0.2.1'],
  );
  const found: unknown[] = [];
  for (const now of [0, 60_000, 120_000, 180_000]) {
    located.poll(now);
    await turn();
    if (now === 0) {
      located.advance(60_000);
      located.isAnswering = true;
    }
    found.push([located.endpointOf(4)?.address, located.endpointOf(6)?.address]);
  }
  assert.deepEqual(found, [
    ['192.0.2.2', '2001:db8::1'],
    ['192.0.2.2', '2001:db8::1'],
    ['192.0.2.2', '2001:db8::2'],
    ['192.0.2.1', '2001:db8::2'],
  ]);
});

test('silent in one family: the next address there every 25 s, which a lookup keeps', async () => {
  const { located } = locator(['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2']);
  const inUse = () => ([4, 6] as const).map((family) => located.endpointOf(family)?.address);
  located.poll(0);
  await turn();
  for (const now of [1000, 1001, 25_999]) {
    located.advanceIn(4, now);
    assert.deepEqual(inUse(), ['192.0.2.2', '2001:db8::1']);
  }
  located.advanceIn(4, 26_000);
  located.advanceIn(6, 26_000);
  assert.deepEqual(inUse(), ['192.0.2.1', '2001:db8::2']);
  assert.equal(located.endpoint?.address, '192.0.2.1');
  located.isAnswering = true;
  located.poll(60_000);
  await turn();
  assert.deepEqual(inUse(), ['192.0.2.1', '2001:db8::2']);
});

test('a name that does not resolve is retried ever less often, and the last address kept', async () => {
  const { located, asked } = locator(['192.0.2.1'], notFound, notFound, ['192.0.2.9']);
  located.poll(0);
  await turn();
  const tries: number[] = [];
  for (let now = 60_000; now < 70_000; now += 500) {
    const before = asked.length;
    located.poll(now);
    await turn();
    if (asked.length > before) {
      tries.push(now);
    }
    if (asked.length === 2) {
      assert.match(located.error ?? '', /cannot resolve rv\.example\.org \(ENOTFOUND\): check/);
      assert.equal(located.endpoint?.address, '192.0.2.1');
    }
  }
  assert.deepEqual(tries, [60_000, 61_000, 63_000]);
  assert.equal(located.error, undefined);
  assert.equal(located.endpoint?.address, '192.0.2.9');
});

test('one lookup runs at a time', () => {
  let lookups = 0;
  const located = new ServerLocator(
    { host: 'x', port: 1 },
    () => {},
    () => {
      lookups += 1;
      return new Promise(() => {});
    },
  );
  located.poll(0);
  located.poll(1_000_000);
  assert.equal(lookups, 1);
});
