import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publicKey } from '../../src/wire/key.js';
import type { Device, Peer } from '../../src/wireguard/device.js';
import { describeNotReady, inspect, type NotReadyReason } from '../../src/wireguard/readiness.js';
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

async function reason(up: boolean | undefined, device: Partial<Device>) {
  const readiness = await inspect(
    () => up,
    async () => ({ ...DEVICE, ...device }),
  );
  return readiness.reason;
}

test('readiness: each missing part of an interface has its own reason', async () => {
  assert.equal(await reason(true, {}), undefined);
  assert.equal(await reason(undefined, {}), 'missing');
  assert.equal(await reason(false, {}), 'down');
  assert.equal(await reason(true, { publicKey: undefined }), 'no-private-key');
  assert.equal(await reason(true, { listenPort: 0 }), 'no-listen-port');
  assert.equal(await reason(true, { peers: [] }), 'no-peers');
});

test('readiness: an interface that disappears during the read is missing', async () => {
  const answers = [true, undefined];
  const readiness = await inspect(
    () => answers.shift(),
    async () => {
      throw new WgError('WG_NOT_WIREGUARD', 'gone');
    },
  );
  assert.equal(readiness.reason, 'missing');
});

test('readiness: WgErrors map to a reason or are rethrown', async () => {
  const failing = (code: WgErrorCode) =>
    inspect(
      () => true,
      async () => {
        throw new WgError(code, 'x');
      },
    );
  assert.equal((await failing('WG_NO_INTERFACE')).reason, 'missing');
  assert.equal((await failing('WG_NOT_WIREGUARD')).reason, 'not-wireguard');
  await assert.rejects(failing('WG_NOT_PERMITTED'), WgError);
  await assert.rejects(failing('WG_FAILED'), WgError);
});

test('readiness: each reason has its own line, which names the interface and a remedy', () => {
  const all: NotReadyReason[] = [
    'missing',
    'not-wireguard',
    'down',
    'no-private-key',
    'no-listen-port',
    'no-peers',
  ];
  const lines = all.map((one) => describeNotReady('wg7', one));
  assert.equal(new Set(lines).size, all.length);
  for (const line of lines) {
    assert.match(line, /^[^\n]*wg7[^\n]*: [^\n]*(wg|ip|wg-quick) /);
  }
});
