import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { AddressStore } from '../../src/client/saved-addresses.js';
import { ServerLocator } from '../../src/client/server-locator.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';

type Answers = (readonly string[] | Error)[];

/** A locator whose lookups give what the test says, in turn; an Error is thrown. */
function locator(...answers: Answers) {
  return locatorWith(undefined, ...answers);
}

/** The same, with what an earlier run saved. */
function locatorWith(saved: AddressStore | undefined, ...answers: Answers) {
  const asked: string[] = [];
  let changes = 0;
  const lookUp = async (host: string) => {
    asked.push(host);
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    if (answer instanceof Error) {
      throw answer;
    }
    return answer ?? [];
  };
  const server = { host: 'rv.example.org', port: 49918 };
  const located = new ServerLocator(server, () => changes++, { lookUp, saved });
  return { located, asked, changes: () => changes };
}

const notFound = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });

test('an address needs no lookup', () => {
  const located = new ServerLocator({ host: '2001:db8::1', port: 5 }, () => {}, {
    lookUp: assert.fail,
  });
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

test('every lookup starts from the first address, in any order of the records', async () => {
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
      assert.match(
        located.error ?? '',
        /cannot resolve rv\.example\.org \(ENOTFOUND\): going on with its last known/,
      );
      assert.equal(located.endpoint?.address, '192.0.2.1');
    }
  }
  assert.deepEqual(tries, [60_000, 61_000, 63_000]);
  assert.equal(located.error, undefined);
  assert.equal(located.endpoint?.address, '192.0.2.9');
});

test('one lookup runs at a time', () => {
  let lookups = 0;
  const located = new ServerLocator({ host: 'x', port: 1 }, () => {}, {
    lookUp: () => {
      lookups += 1;
      return new Promise(() => {});
    },
  });
  located.poll(0);
  located.poll(1_000_000);
  assert.equal(lookups, 1);
});

test('an address without a route is skipped at once, and tried again after a while', async () => {
  const { located } = locator(['192.0.2.1', '2001:db8::1', '2001:db8::2']);
  const inUse = () => located.endpoint?.address;
  located.poll(0);
  await turn();
  assert.equal(located.unreachable(parseEndpoint('192.0.2.1:49918'), 1000), true);
  assert.equal(inUse(), '2001:db8::1');
  assert.deepEqual([located.endpointOf(4), located.endpointOf(6)?.address], [undefined, inUse()]);
  located.unreachable(parseEndpoint('[2001:db8::1]:49918'), 1000);
  assert.equal(inUse(), '2001:db8::2');
  located.advance(60_000);
  assert.equal(inUse(), '2001:db8::2', 'the others have no route');
  assert.equal(located.unreachable(parseEndpoint('[2001:db8::2]:49918'), 1000), false);
  assert.notEqual(inUse(), undefined);
  assert.notEqual(
    located.endpointOf(4),
    undefined,
    'where there is no route at all, all are tried',
  );
  located.poll(25_999);
  assert.equal(located.unreachable(parseEndpoint('[2001:db8::2]:49918'), 25_999), false);
  located.poll(26_000);
  assert.equal(inUse(), '192.0.2.1');
});

test('an address without a route is tried again as soon as an address of this host changes', async () => {
  const { located } = locator(['192.0.2.1', '2001:db8::1']);
  located.poll(0);
  await turn();
  located.unreachable(parseEndpoint('192.0.2.1:49918'), 0);
  located.routesChanged();
  assert.equal(located.endpoint?.address, '192.0.2.1');
});

test('the address that answered stays in use across lookups', async () => {
  const { located } = locator(['192.0.2.1', '2001:db8::1'], ['2001:db8::1', '192.0.2.1']);
  located.poll(0);
  await turn();
  located.advance(60_000);
  located.isAnswering = true;
  for (const now of [60_000, 120_000]) {
    located.poll(now);
    await turn();
    assert.equal(located.endpoint?.address, '2001:db8::1');
  }
  located.isAnswering = false;
  located.poll(180_000);
  await turn();
  assert.equal(located.endpoint?.address, '192.0.2.1');
});

test('a name that does not resolve is reached at the addresses of an earlier run', async () => {
  const kept: string[][] = [];
  const saved = {
    load: () => ['2001:db8::9', '192.0.2.9'],
    save: (it: readonly string[]) => kept.push([...it]),
  };
  const { located } = locatorWith(saved, notFound, notFound, ['192.0.2.1']);
  located.poll(0);
  await turn();
  assert.equal(located.endpoint?.address, '192.0.2.9');
  const { error } = located;
  assert.match(
    error ?? '',
    /^cannot resolve rv\.example\.org \(ENOTFOUND\): going on with its last known addresses \(192\.0\.2\.9, 2001:db8::9\);/,
  );
  located.poll(60_000);
  await turn();
  assert.equal(located.error, error, 'said once');
  assert.deepEqual(kept, []);
  located.poll(120_000);
  await turn();
  assert.equal(located.error, undefined);
  assert.equal(located.endpoint?.address, '192.0.2.1');
  assert.deepEqual(kept, [['192.0.2.1']]);
});

test('a first lookup that takes long makes room for the addresses of an earlier run', async () => {
  let finish: (found: string[]) => void = () => {};
  const located = new ServerLocator({ host: 'rv', port: 1 }, () => {}, {
    lookUp: () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
    saved: { load: () => ['192.0.2.9'], save() {} },
  });
  located.poll(0);
  const inUse = () => located.endpoint?.address;
  located.poll(999);
  assert.equal(inUse(), undefined);
  located.poll(1000);
  assert.equal(inUse(), '192.0.2.9');
  assert.match(located.error ?? '', /\(no answer yet\): going on with its last known addresses/);
  finish(['192.0.2.1']);
  await turn();
  assert.equal(located.error, undefined);
  assert.equal(inUse(), '192.0.2.1');
});
