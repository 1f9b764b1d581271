import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedSecret } from '../../src/sealed/diffie-hellman.js';
import { generateKeyPair, keyPairOf, wipeKeyPair } from '../../src/sealed/key-pair.js';
import { hex } from '../wire/codec.js';

test('X25519 gives the first result of RFC 7748, section 5.2', () => {
  const scalar = hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4');
  const point = hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c');
  assert.deepEqual(
    sharedSecret(point, scalar),
    hex('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552'),
  );
});

test('a key pair refuses a secret key of another length', () => {
  for (const length of [0, 31, 33]) {
    assert.throws(() => keyPairOf(new Uint8Array(length)), RangeError);
  }
});

test('new key pairs differ, are clamped as in WireGuard, and are overwritten by wipe', () => {
  const pair = generateKeyPair();
  assert.equal(pair.secretKey[0]! & 7, 0);
  assert.equal(pair.secretKey[31]! >> 6, 1);
  assert.notDeepEqual(pair.publicKey, generateKeyPair().publicKey);
  assert.deepEqual(keyPairOf(pair.secretKey).publicKey, pair.publicKey);
  wipeKeyPair(pair);
  assert.deepEqual(pair.secretKey, new Uint8Array(32));
});

test('a key pair copies the secret key that it is given', () => {
  const secret = new Uint8Array(32).fill(0x48);
  const pair = keyPairOf(secret);
  secret.fill(0);
  assert.notDeepEqual(pair.secretKey, secret);
});
