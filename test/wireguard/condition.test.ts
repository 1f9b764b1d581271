import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publicKey } from '../../src/wire/key.js';
import { describeObstacle, lookAt, type Obstacle } from '../../src/wireguard/condition.js';
import type { Device, Peer } from '../../src/wireguard/device.js';
import { WgError, type WgErrorCode } from '../../src/wireguard/wg-error.js';

const KEY = publicKey(new Uint8Array(32).fill(1));
const PEER: Peer = {
  publicKey: KEY,
  endpoint: undefined,
  allowedIps: [],
  latestHandshakeMs: 0,
  receivedBytes: 0,
  sentBytes: 0,
  persistentKeepalive: 0,
};
const DEVICE: Device = { publicKey: KEY, listenPort: 1, fwmark: 0, peers: [PEER] };

async function obstacle(up: boolean | undefined, device: Partial<Device>) {
  const look = await lookAt(
    () => up,
    async () => ({ ...DEVICE, ...device }),
  );
  return look.obstacle;
}

test('each thing that is missing is an obstacle of its own', async () => {
  assert.equal(await obstacle(true, {}), undefined);
  assert.equal(await obstacle(undefined, {}), 'missing');
  assert.equal(await obstacle(false, {}), 'down');
  assert.equal(await obstacle(true, { publicKey: undefined }), 'no-private-key');
  assert.equal(await obstacle(true, { listenPort: 0 }), 'no-listen-port');
  assert.equal(await obstacle(true, { peers: [] }), 'no-peers');
});

test('an interface that goes while it is read is missing', async () => {
  const answers = [true, undefined];
  const look = await lookAt(
    () => answers.shift(),
    async () => {
      throw new WgError('WG_NOT_WIREGUARD', 'gone');
    },
  );
  assert.equal(look.obstacle, 'missing');
});

test('errors of wg become obstacles or pass through', async () => {
  const look = (code: WgErrorCode) =>
    lookAt(
      () => true,
      async () => {
        throw new WgError(code, 'x');
      },
    );
  assert.equal((await look('WG_NO_INTERFACE')).obstacle, 'missing');
  assert.equal((await look('WG_NOT_WIREGUARD')).obstacle, 'not-wireguard');
  await assert.rejects(look('WG_NOT_PERMITTED'), WgError);
  await assert.rejects(look('WG_FAILED'), WgError);
});

test('each obstacle has a line of its own that names the interface and a remedy', () => {
  const all: Obstacle[] = [
    'missing',
    'not-wireguard',
    'down',
    'no-private-key',
    'no-listen-port',
    'no-peers',
  ];
  const lines = all.map((one) => describeObstacle('wg7', one));
  assert.equal(new Set(lines).size, all.length);
  for (const line of lines) {
    assert.match(line, /^[^\n]*wg7[^\n]*: [^\n]*(wg|ip|wg-quick) /);
  }
});
