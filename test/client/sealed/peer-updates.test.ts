import assert from 'node:assert/strict';
import { it } from 'node:test';
import { PeerUpdates } from '../../../src/client/sealed/peer-updates.js';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';
import { parseEndpoint } from '../../../src/wire/endpoint.js';

const { publicKey } = generateKeyPair();

it('peer updates: the one that the server made last counts, in one session and across two', () => {
  const updates = new PeerUpdates(() => undefined);
  const entry = (port: number) => ({
    key: publicKey,
    ipv4: parseEndpoint(`192.0.2.1:${port}`),
    notKept: false,
  });
  const port = () => updates.get('p')?.ipv4?.port;
  updates.take('p', entry(1), { session: 0, counter: 5 });
  assert.equal(updates.take('p', entry(2), { session: 0, counter: 4 }), undefined);
  assert.equal(port(), 1);
  updates.take('p', entry(3), { session: 1, counter: 0 });
  updates.take('p', entry(4), { session: 0, counter: 9 });
  assert.equal(port(), 3);
});
