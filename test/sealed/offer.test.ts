import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { generateKeyPair } from '../../src/sealed/key-pair.js';
import { openOffer, sealOffer } from '../../src/sealed/offer.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { publicKey } from '../../src/wire/key.js';

const a = generateKeyPair();
const b = generateKeyPair();
const server = generateKeyPair();
const ENDPOINTS = [parseEndpoint('192.168.1.2:51820'), parseEndpoint('[fd00::2]:51820')];

function sealed(): Uint8Array {
  const offer = sealOffer(a, b.publicKey, ENDPOINTS);
  assert.ok(offer);
  return offer;
}

describe('an offer', () => {
  it('opens for the peer it is sealed to', () => {
    const offer = sealed();
    assert.equal(offer.length, 88);
    assert.deepEqual(openOffer(b, a.publicKey, offer), ENDPOINTS);
  });

  it('opens for nobody else, the server least of all', () => {
    const offer = sealed();
    for (const other of [server, generateKeyPair()]) {
      assert.equal(openOffer(other, a.publicKey, offer), undefined);
      assert.equal(openOffer(other, b.publicKey, offer), undefined);
      assert.equal(openOffer(b, other.publicKey, offer), undefined);
    }
  });

  it('does not open the other way round: what a sealed to b is not from b', () => {
    const offer = sealed();
    assert.equal(openOffer(a, b.publicKey, offer), undefined);
  });

  it('is another each time', () => {
    assert.notDeepEqual(sealed(), sealed());
  });

  it('with any byte changed, or cut, does not open', () => {
    const offer = sealed();
    for (let at = 0; at < offer.length; at++) {
      const changed = Uint8Array.from(offer);
      changed[at]! ^= 0x10;
      assert.equal(openOffer(b, a.publicKey, changed), undefined, `byte ${at}`);
      assert.equal(openOffer(b, a.publicKey, offer.subarray(0, at)), undefined);
    }
  });

  it('of random bytes does not throw', () => {
    const bytes = fc.uint8Array({ minLength: 80, maxLength: 96 });
    fc.assert(
      fc.property(bytes, (offer) => assert.equal(openOffer(b, a.publicKey, offer), undefined)),
    );
  });

  it('is not made for a point of low order, nor opened from one', () => {
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
      assert.equal(sealOffer(a, key, ENDPOINTS), undefined);
      assert.equal(openOffer(a, key, sealed()), undefined);
    }
  });
});
