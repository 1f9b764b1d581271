import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ProbeContent, ProbeKeys, senderOf } from '../../../src/client/paths/probe-keys.js';
import { parseEndpoint } from '../../../src/wire/endpoint.js';
import { publicKey } from '../../../src/wire/key.js';

const A = publicKey(new Uint8Array(32).fill(1));
const B = publicKey(new Uint8Array(32).fill(2));
const SECRET = new Uint8Array(32).fill(7);
const RUN = 1_700_000_000_000;

/** Both ends of a pair. */
function pair(secret: Uint8Array | undefined) {
  return { a: new ProbeKeys(secret, A, B), b: new ProbeKeys(secret, B, A) };
}

const request = (transaction: number, run = RUN): ProbeContent => ({
  intent: 'leading',
  run,
  transaction,
});

describe('the keys of probes', () => {
  it('a probe of the peer opens, and names it', () => {
    const { a, b } = pair(SECRET);
    const bytes = a.seal(request(3));
    assert.equal(senderOf(bytes), b.theirName);
    const probe = b.open(bytes, undefined);
    assert.deepEqual(
      [probe?.intent, probe?.transaction, probe?.observed],
      ['leading', 3, undefined],
    );
    const observed = parseEndpoint('198.51.100.2:4711');
    assert.deepEqual(a.open(b.seal({ ...request(3), observed }), undefined)?.observed, observed);
  });

  it('a probe with any byte changed, cut or extended does not open', () => {
    const { a, b } = pair(SECRET);
    const bytes = a.seal(request(1));
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.map((byte, i) => (i === at ? byte ^ 0x20 : byte));
      assert.equal(b.open(changed, undefined), undefined, `byte ${at}`);
      assert.equal(b.open(bytes.subarray(0, at), undefined), undefined);
    }
    assert.equal(b.open(Uint8Array.of(...bytes, 0), undefined), undefined);
    assert.ok(b.open(bytes, undefined));
  });

  it('a probe opens in one direction, and with the secret of its pair only', () => {
    const { a, b } = pair(SECRET);
    assert.equal(a.open(a.seal(request(1)), undefined), undefined);
    const stranger = pair(undefined);
    assert.equal(b.open(stranger.a.seal(request(1)), undefined), undefined);
    assert.notEqual(stranger.b.theirName, b.theirName, 'both keys do not tell the name');
  });

  it('a request opens once, in whatever order requests arrive', () => {
    const { a, b } = pair(SECRET);
    const [first, second] = [a.seal(request(1)), a.seal(request(2))];
    assert.ok(b.open(second, undefined));
    assert.ok(b.open(first, undefined));
    assert.equal(b.open(first, undefined), undefined);
    assert.equal(b.open(second, undefined), undefined);
  });

  it('a request of an earlier run is a replay', () => {
    const { a, b } = pair(SECRET);
    const old = a.seal(request(9));
    assert.ok(b.open(a.seal(request(1, RUN + 1000)), undefined));
    assert.equal(b.open(old, undefined), undefined);
    const restarted = pair(SECRET);
    assert.equal(restarted.b.open(old, RUN + 1000), undefined, 'after a start of our own, too');
  });

  it('the peer that says itself that its run is an earlier one is believed: its clock was set back', () => {
    const { a, b } = pair(SECRET);
    assert.ok(b.open(a.seal(request(1, RUN + 1e9)), undefined));
    assert.equal(b.open(a.seal(request(1, RUN)), undefined), undefined);
    assert.ok(b.open(a.seal(request(1, RUN)), RUN));
  });

  it('random bytes never open and never throw', () => {
    const { b } = pair(SECRET);
    const bytes = fc.uint8Array({ minLength: 66, maxLength: 74, size: 'max' });
    fc.assert(
      fc.property(bytes, (random) => {
        assert.equal(b.open(random, undefined), undefined);
        senderOf(random);
      }),
    );
  });
});
