import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RelayServer, relayServers } from '../../../src/client/servers/relay-choice.js';

const one = (server: number, isShared: boolean, relays: boolean | undefined): RelayServer => ({
  server,
  isShared,
  relays,
});

test('the first two of the servers that both sides share and that relay are asked, in their order', () => {
  const servers = [
    one(4, false, true),
    one(1, true, false),
    one(2, true, undefined),
    one(3, true, true),
    one(0, true, true),
    one(5, true, true),
  ];
  assert.deepEqual(relayServers(servers), [3, 0]);
});

test('where none of the shared ones relays, the first is asked to say why', () => {
  assert.deepEqual(
    relayServers([one(1, false, true), one(0, true, false), one(2, true, false)]),
    [0],
  );
});

test('a server that does not answer, or that the peer does not use, is not asked', () => {
  assert.deepEqual(relayServers([one(0, true, undefined), one(1, false, true)]), []);
});
