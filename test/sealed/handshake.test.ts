import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diffieHellmanCounts } from '../../src/sealed/diffie-hellman.js';
import {
  NoiseInitiator,
  type OpenedResponse,
  openInitiation,
  type Responded,
} from '../../src/sealed/handshake.js';
import { generateKeyPair } from '../../src/sealed/key-pair.js';
import { publicKey } from '../../src/wire/key.js';
import { encodeTai64n } from '../../src/wire/tai64n.js';

const client = generateKeyPair();
const server = generateKeyPair();
const timestamp = encodeTai64n(1_700_000_000_000);
const payload = new Uint8Array(32).fill(7);

function respond(noise: Uint8Array): Responded {
  const responded = openInitiation(server, noise)?.respond(payload);
  assert.ok(responded);
  return responded;
}

/** The number of Diffie-Hellman operations that a function does. */
function count(work: () => unknown): number {
  const before = diffieHellmanCounts.shared;
  work();
  return diffieHellmanCounts.shared - before;
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at]! ^= 1;
  return copy;
}

describe('a handshake', () => {
  it('a handshake gives both sides the same keys, and the server the client key and timestamp', () => {
    const initiation = new NoiseInitiator(client, server.publicKey, timestamp);
    assert.equal(initiation.noise.length, 108);
    const opened = openInitiation(server, initiation.noise);
    assert.ok(opened);
    assert.deepEqual(opened.clientKey, client.publicKey);
    assert.deepEqual(Uint8Array.from(opened.payload.timestamp), timestamp);
    const responded = opened.respond(payload);
    assert.ok(responded);
    assert.equal(responded.noise.length, 80);
    const accepted = initiation.accept(responded.noise);
    assert.ok(accepted);
    assert.deepEqual(Uint8Array.from(accepted.payload), payload);
    assert.deepEqual(accepted.keys.send, responded.keys.receive);
    assert.deepEqual(accepted.keys.receive, responded.keys.send);
    assert.notDeepEqual(accepted.keys.send, accepted.keys.receive);
    assert.ok(accepted.keys.send.some((byte) => byte !== 0));
  });

  it('a handshake does not change the bytes that it is given', () => {
    const initiation = new NoiseInitiator(client, server.publicKey, timestamp);
    const sent = Uint8Array.from(initiation.noise);
    const { noise } = respond(initiation.noise);
    assert.deepEqual(Uint8Array.from(initiation.noise), sent);
    const received = Uint8Array.from(noise);
    assert.ok(initiation.accept(received));
    assert.deepEqual(received, Uint8Array.from(noise));
  });

  it('a handshake costs two Diffie-Hellman operations for each step', () => {
    let initiation = new NoiseInitiator(client, server.publicKey, timestamp);
    assert.equal(
      count(() => {
        initiation = new NoiseInitiator(client, server.publicKey, timestamp);
      }),
      2,
    );
    const opened = openInitiation(server, initiation.noise);
    assert.equal(
      count(() => openInitiation(server, initiation.noise)),
      2,
    );
    assert.equal(
      count(() => opened?.respond(payload)),
      2,
    );
  });

  it('an initiation with any byte changed does not open', () => {
    const { noise } = new NoiseInitiator(client, server.publicKey, timestamp);
    for (let at = 0; at < noise.length; at++) {
      // X25519 ignores the top bit of a key: the lowest bit is changed.
      assert.equal(openInitiation(server, flipped(noise, at)), undefined, `byte ${at}`);
    }
  });

  it('an initiation for another server, or cut, does not open', () => {
    const { noise } = new NoiseInitiator(client, server.publicKey, timestamp);
    assert.equal(openInitiation(generateKeyPair(), noise), undefined);
    for (let length = 0; length < noise.length; length++) {
      assert.equal(openInitiation(server, noise.subarray(0, length)), undefined);
    }
  });

  it('a response with any byte changed is refused, and the genuine one is accepted after it', () => {
    const initiation = new NoiseInitiator(client, server.publicKey, timestamp);
    const { noise, keys } = respond(initiation.noise);
    for (let at = 0; at < noise.length; at++) {
      assert.equal(initiation.accept(flipped(noise, at)), undefined, `byte ${at}`);
    }
    for (let length = 0; length < noise.length; length++) {
      assert.equal(initiation.accept(noise.subarray(0, length)), undefined);
    }
    const accepted: OpenedResponse | undefined = initiation.accept(noise);
    assert.deepEqual(accepted?.keys.send, keys.receive);
  });

  it("the response to another initiation, or another server's, is refused", () => {
    const initiation = new NoiseInitiator(client, server.publicKey, timestamp);
    const other = respond(new NoiseInitiator(client, server.publicKey, timestamp).noise);
    assert.equal(initiation.accept(other.noise), undefined);
  });

  it('an initiator accepts nothing after wipe', () => {
    const initiation = new NoiseInitiator(client, server.publicKey, timestamp);
    const { noise } = respond(initiation.noise);
    initiation.wipe();
    assert.equal(initiation.accept(noise), undefined);
  });

  it('an opened initiation makes one response', () => {
    const opened = openInitiation(
      server,
      new NoiseInitiator(client, server.publicKey, timestamp).noise,
    );
    assert.ok(opened?.respond(payload));
    assert.equal(opened?.respond(payload), undefined);
  });

  it('a handshake refuses points of low order', () => {
    const zero = publicKey(new Uint8Array(32));
    assert.throws(() => new NoiseInitiator(client, zero, timestamp));
    const { noise } = new NoiseInitiator(client, server.publicKey, timestamp);
    const withZero = Uint8Array.from(noise);
    withZero.fill(0, 0, 32);
    assert.equal(openInitiation(server, withZero), undefined);
  });
});
