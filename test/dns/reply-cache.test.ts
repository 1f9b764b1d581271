import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ReplyCache } from '../../src/dns/reply-cache.js';

const KEY = { low: 1, high: 2 };

/** Bytes at an offset of a slab whose other bytes are rubbish. */
function placed(bytes: Uint8Array, at = 3): Uint32Array {
  const words = new Uint32Array(400).fill(0xdeadbeef);
  new Uint8Array(words.buffer).set(bytes, at * 4);
  return words;
}

function bytesOf(words: Uint32Array, length: number, at = 3): Buffer {
  return Buffer.from(words.buffer, at * 4, length);
}

function ask(cache: ReplyCache, query: Uint8Array): Buffer | undefined {
  const words = placed(query);
  const length = cache.answer(words, 3, query.length);
  return length === undefined ? undefined : Buffer.from(bytesOf(words, length));
}

function keep(cache: ReplyCache, query: Uint8Array, reply: Uint8Array): void {
  ask(cache, query);
  cache.keep(placed(reply), 3, reply.length);
}

const bytes = (max: number) => fc.uint8Array({ minLength: 12, maxLength: max, size: 'max' });

describe('the cache of replies', () => {
  it('gives the reply of the same bytes with the ID of the query, and of no others', () => {
    fc.assert(
      fc.property(bytes(160), bytes(336), fc.nat(159), (query, reply, at) => {
        const cache = new ReplyCache(KEY);
        cache.expect(1);
        assert.equal(ask(cache, query), undefined);
        keep(cache, query, reply);
        const again = Uint8Array.from(query);
        again.set([0xab, 0xcd]);
        const expected = Buffer.from(reply);
        expected.set([0xab, 0xcd]);
        assert.deepEqual(ask(cache, again), expected);
        const other = Uint8Array.from(query);
        const place = 2 + (at % (query.length - 2));
        other[place] = (other[place] as number) ^ 1;
        assert.equal(ask(cache, other), undefined);
        assert.equal(ask(cache, Buffer.concat([query, Buffer.of(0)])), undefined);
        assert.equal(ask(cache, query.subarray(0, -1)), undefined);
      }),
      { numRuns: 20 },
    );
  });

  it('forgets all with another version', () => {
    const cache = new ReplyCache(KEY);
    const query = Buffer.alloc(40, 7);
    cache.expect(1);
    keep(cache, query, Buffer.alloc(20, 1));
    cache.expect(1);
    assert.equal(ask(cache, query)?.length, 20);
    cache.expect(2);
    assert.equal(ask(cache, query), undefined);
    cache.expect(1);
    assert.equal(ask(cache, query), undefined);
  });

  it('keeps nothing that is too long', () => {
    const cache = new ReplyCache(KEY);
    cache.expect(1);
    for (const [query, reply] of [
      [161, 20],
      [1280, 20],
      [40, 337],
      [40, 1232],
    ] as const) {
      keep(cache, Buffer.alloc(query, 5), Buffer.alloc(reply, 1));
      assert.equal(ask(cache, Buffer.alloc(query, 5)), undefined, `${query}, ${reply}`);
    }
    assert.equal(ask(cache, Buffer.alloc(0)), undefined);
  });

  it('holds most of 10 000, and of ever more the latest, each its own', () => {
    const cache = new ReplyCache(KEY);
    cache.expect(1);
    const message = (n: number) => {
      const it = Buffer.alloc(100);
      it.writeUInt32BE(n, 50);
      return it;
    };
    const held = (count: number) => {
      let found = 0;
      for (let n = 0; n < count; n++) {
        const reply = ask(cache, message(n));
        if (reply !== undefined) {
          assert.equal(reply.readUInt32BE(50), n);
          found++;
        }
      }
      return found;
    };
    for (let n = 0; n < 10_000; n++) {
      keep(cache, message(n), message(n));
    }
    assert.ok(held(10_000) > 9300, `${held(10_000)}`);
    for (let n = 10_000; n < 100_000; n++) {
      keep(cache, message(n), message(n));
    }
    keep(cache, message(100_000), message(100_000));
    assert.equal(ask(cache, message(100_000))?.readUInt32BE(50), 100_000);
  });
});
