import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GivenServer } from '../../src/cli/arguments.js';
import { chooseServers, type GivenServers } from '../../src/cli/chosen-servers.js';
import { key } from '../server/requests.js';

const RV1: GivenServer = { host: 'rv1.example.org', port: 49918 };
const RV2: GivenServer = { host: 'rv2.example.org', port: 50000 };
const [K1, K2, K3] = [key(1), key(2), key(3)] as const;

const choose = (servers: readonly GivenServer[], given: Partial<GivenServers> = {}) =>
  chooseServers({ servers, isServersOfFile: false, keys: [], isKeysOfFile: false, ...given });

const keysOf = (...args: Parameters<typeof choose>) => {
  const chosen = choose(...args);
  assert.equal(chosen.protocol, 'sealed');
  return chosen.servers.map((server) => server.key);
};

test('without keys all servers are classic', () => {
  assert.deepEqual(choose([RV1, RV2]), { protocol: 'classic', servers: [RV1, RV2] });
});

test('one --server-key is for all servers, several for each in their order', () => {
  assert.deepEqual(keysOf([RV1, RV2], { keys: [K1] }), [K1, K1]);
  assert.deepEqual(keysOf([RV1, RV2], { keys: [K1, K2] }), [K1, K2]);
});

test('a server keeps the key that it carries, and the others have those of the option', () => {
  assert.deepEqual(keysOf([{ ...RV1, key: K1 }, RV2], { keys: [K2] }), [K1, K2]);
  assert.deepEqual(
    keysOf([
      { ...RV1, key: K1 },
      { ...RV2, key: K2 },
    ]),
    [K1, K2],
  );
  assert.deepEqual(keysOf([{ ...RV1, key: K1 }], { keys: [K1] }), [K1]);
});

test('keys of the command line win over those of servers of the file', () => {
  const servers = [
    { ...RV1, key: K1 },
    { ...RV2, key: K1 },
  ];
  assert.deepEqual(keysOf(servers, { isServersOfFile: true, keys: [K2, K3] }), [K2, K3]);
  assert.deepEqual(keysOf(servers, { isServersOfFile: true, keys: [], isKeysOfFile: true }), [
    K1,
    K1,
  ]);
});

test('what cannot be meant is refused in one line that says what to do', () => {
  const refusals: [RegExp, () => unknown][] = [
    [/rv1.example.org:49918 is given twice: leave one out/, () => choose([RV1, RV2, RV1])],
    [
      /rv2.example.org:50000 has no key, and others have: give KEY@/,
      () => choose([{ ...RV1, key: K1 }, RV2]),
    ],
    [
      /--server-key is given 2 times, for 3 servers/,
      () => choose([RV1, RV2, { host: 'x', port: 1 }], { keys: [K1, K2] }),
    ],
    [/another key than --server-key/, () => choose([{ ...RV1, key: K1 }], { keys: [K2] })],
    [
      /9 servers are given: a client uses at most 8/,
      () => choose(Array.from({ length: 9 }, (_, i) => ({ host: `rv${i}`, port: 1 }))),
    ],
  ];
  for (const [pattern, act] of refusals) {
    assert.throws(
      act,
      (error: Error) => pattern.test(error.message) && !error.message.includes('\n'),
    );
  }
});
