import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openCandidates, sealCandidates } from '../../src/sealed/candidates.js';
import { generateKeyPair } from '../../src/sealed/key-pair.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { publicKey } from '../../src/wire/key.js';
import type { PeerCandidates } from '../../src/wire/sealed-candidates.js';

const a = generateKeyPair();
const b = generateKeyPair();
const server = generateKeyPair();
const CANDIDATES: PeerCandidates = {
  run: 1_700_000_000_000,
  nat: new Uint8Array(8),
  candidates: [
    { type: 'host', endpoint: parseEndpoint('192.168.1.2:51820') },
    { type: 'port-mapped', endpoint: parseEndpoint('[2001:db8::2]:51820') },
  ],
};

function sealed(): Uint8Array {
  const bytes = sealCandidates(a, b.publicKey, CANDIDATES);
  assert.ok(bytes);
  return bytes;
}

describe('sealed candidates', () => {
  it('sealed candidates open for the peer that they are sealed to', () => {
    const bytes = sealed();
    assert.equal(bytes.length, 248);
    assert.deepEqual(openCandidates(b, a.publicKey, bytes), CANDIDATES);
  });

  it('sealed candidates open for their peer only, and not for the server', () => {
    const bytes = sealed();
    for (const other of [server, generateKeyPair()]) {
      assert.equal(openCandidates(other, a.publicKey, bytes), undefined);
      assert.equal(openCandidates(other, b.publicKey, bytes), undefined);
      assert.equal(openCandidates(b, other.publicKey, bytes), undefined);
    }
  });

  it('sealed candidates do not open in the other direction', () => {
    const bytes = sealed();
    assert.equal(openCandidates(a, b.publicKey, bytes), undefined);
  });

  it('sealed candidates differ each time', () => {
    assert.notDeepEqual(sealed(), sealed());
  });

  it('sealed candidates do not open with any byte changed, or cut', () => {
    const bytes = sealed();
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 0x10;
      assert.equal(openCandidates(b, a.publicKey, changed), undefined, `byte ${at}`);
      assert.equal(openCandidates(b, a.publicKey, bytes.subarray(0, at)), undefined);
    }
  });

  it('sealed candidates do not throw where the bytes are random', () => {
    const random = fc.uint8Array({ minLength: 240, maxLength: 256 });
    fc.assert(
      fc.property(random, (bytes) =>
        assert.equal(openCandidates(b, a.publicKey, bytes), undefined),
      ),
    );
  });

  it('sealed candidates are not sealed to a point of low order, nor opened from one', () => {
    // The points of order 1, 2, 4 and 8 of RFC 7748's curve: libsodium's list, without the twins above 2^255.
    const lowOrder = [
      '0000000000000000000000000000000000000000000000000000000000000000',
      '0100000000000000000000000000000000000000000000000000000000000000',
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    ];
    for (const point of lowOrder) {
      const key = publicKey(Uint8Array.from(Buffer.from(point, 'hex')));
      assert.equal(sealCandidates(a, key, CANDIDATES), undefined);
      assert.equal(openCandidates(a, key, sealed()), undefined);
    }
  });
});
