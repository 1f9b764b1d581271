import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnKeys } from '../../../src/client/sealed/own-keys.js';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';

const first = generateKeyPair();
const second = generateKeyPair();

/** The keys of an interface whose private key the test sets. */
function interfaceWith(secret: () => Uint8Array) {
  const handedOut: Uint8Array[] = [];
  const keys = new OwnKeys(
    'wg0',
    () => {},
    async () => {
      const copy = Uint8Array.from(secret());
      handedOut.push(copy);
      return copy;
    },
  );
  return { keys, handedOut };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('own keys are read once, again when the public key changes, and overwritten when no longer needed', async () => {
  let now = first;
  const { keys, handedOut } = interfaceWith(() => now.secretKey);
  assert.equal(keys.pairOf(first.publicKey, 0), undefined);
  await settled();
  const pair = keys.pairOf(first.publicKey, 10);
  assert.deepEqual(pair?.secretKey, first.secretKey);
  assert.equal(keys.pairOf(first.publicKey, 9000), pair);
  now = second;
  assert.equal(keys.pairOf(second.publicKey, 9000), undefined);
  await settled();
  assert.deepEqual(keys.pairOf(second.publicKey, 9000)?.secretKey, second.secretKey);
  assert.ok(pair?.secretKey.every((byte) => byte === 0));
  assert.equal(handedOut.length, 2);
  assert.ok(handedOut.every((secret) => secret.every((byte) => byte === 0)));
  const last = keys.pairOf(second.publicKey, 9000);
  keys.close();
  assert.ok(last?.secretKey.every((byte) => byte === 0));
});

test('own keys: a private key that does not match is read again at most once a second', async () => {
  const { keys, handedOut } = interfaceWith(() => first.secretKey);
  for (let now = 0; now < 3000; now += 10) {
    assert.equal(keys.pairOf(second.publicKey, now), undefined);
    await settled();
  }
  assert.equal(handedOut.length, 3);
});

test('own keys: an error lasts until a read succeeds; that of the prefetch is ignored', async () => {
  let broken = true;
  const { keys } = interfaceWith(() => {
    if (broken) {
      throw new Error('not now');
    }
    return first.secretKey;
  });
  keys.prefetch();
  await settled();
  assert.equal(keys.error, undefined);
  keys.pairOf(first.publicKey, 0);
  await settled();
  assert.match(`${keys.error}`, /not now/);
  assert.equal(keys.nextAt, 1000);
  broken = false;
  keys.pairOf(first.publicKey, 1000);
  await settled();
  assert.equal(keys.error, undefined);
  assert.ok(keys.pairOf(first.publicKey, 1001));
});
