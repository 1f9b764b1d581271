import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import sodium from 'sodium-native';
import { keyPairOf } from '../../src/sealed/key-pair.js';
import { NoiseIk } from '../../src/sealed/noise-state.js';
import { publicKey } from '../../src/wire/key.js';
import { hex } from '../wire/codec.js';

interface Vector {
  readonly init_prologue: string;
  readonly init_static: string;
  readonly init_ephemeral: string;
  readonly init_remote_static: string;
  readonly resp_static: string;
  readonly resp_ephemeral: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

const vector = JSON.parse(
  readFileSync(new URL('../../../test/vectors/noise-ik.json', import.meta.url), 'utf8'),
) as Vector;

function encrypt(key: Uint8Array, counter: number, plaintext: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce[4] = counter;
  const ciphertext = new Uint8Array(plaintext.length + 16);
  const none = new Uint8Array(0);
  sodium.crypto_aead_chacha20poly1305_ietf_encrypt(ciphertext, plaintext, none, null, nonce, key);
  return ciphertext;
}

test('the published vector of Noise_IK_25519_ChaChaPoly_BLAKE2b', () => {
  const prologue = hex(vector.init_prologue);
  const responderKey = publicKey(hex(vector.init_remote_static));
  const server = keyPairOf(hex(vector.resp_static));
  assert.deepEqual(server.publicKey, responderKey);
  const initiator = new NoiseIk(true, keyPairOf(hex(vector.init_static)), prologue, responderKey);
  const responder = new NoiseIk(false, server, prologue);
  initiator.e = keyPairOf(hex(vector.init_ephemeral));
  responder.e = keyPairOf(hex(vector.resp_ephemeral));

  const [first, second, ...rest] = vector.messages.map(({ payload, ciphertext }) => ({
    payload: hex(payload),
    ciphertext: hex(ciphertext),
  }));
  assert.ok(first && second && rest.length === 4);
  assert.deepEqual(Uint8Array.from(initiator.send(first.payload)), first.ciphertext);
  assert.deepEqual(Uint8Array.from(responder.recv(first.ciphertext.slice())), first.payload);
  assert.deepEqual(Uint8Array.from(responder.send(second.payload)), second.ciphertext);
  assert.deepEqual(Uint8Array.from(initiator.recv(second.ciphertext.slice())), second.payload);
  assert.deepEqual(initiator.tx, responder.rx);
  assert.deepEqual(initiator.rx, responder.tx);
  for (const [i, { payload, ciphertext }] of rest.entries()) {
    const key = (i % 2 === 0 ? initiator.tx : responder.tx) as Uint8Array;
    assert.deepEqual(encrypt(key, i >> 1, payload), ciphertext);
  }
});
