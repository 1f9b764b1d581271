import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareTai64n, decodeTai64n, encodeTai64n, writeTai64n } from '../../src/wire/tai64n.js';
import { hex } from './codec.js';

test('1970 begins at second 2^62 + 10, as in libtai and WireGuard', () => {
  assert.deepEqual(encodeTai64n(0), hex('400000000000000a 00000000'));
});

test('the label in the documentation of tai64nlocal', () => {
  // https://cr.yp.to/daemontools/tai64nlocal.html: @4000000037c219bf2ef02e94 is 1999-08-23 21:03:43.787492500
  // in California. That counts the 22 leap seconds there were from 1972 on, which WireGuard does not.
  const label = hex('4000000037c219bf 2ef02e94');
  const utc = Date.UTC(1999, 7, 24, 4, 3, 43, 787);
  assert.equal(Math.floor(decodeTai64n(label)), utc + 22_000);
  assert.equal(new DataView(label.buffer).getUint32(8), 787_492_500);
  assert.deepEqual(encodeTai64n(utc + 22_000), hex('4000000037c219bf 2ee8aac0'));
});

test('a fraction of a millisecond counts', () => {
  assert.deepEqual(encodeTai64n(1000.5), hex('400000000000000b 0007a120'));
});

test('is written where it belongs', () => {
  const bytes = new Uint8Array(20).fill(0xee);
  writeTai64n(bytes, 4, 5000);
  assert.deepEqual(bytes, hex('eeeeeeee 400000000000000f 00000000 eeeeeeee'));
  assert.equal(decodeTai64n(bytes, 4), 5000);
});

test('comes back to the microsecond, and later times compare as later (property)', () => {
  const time = fc.double({ min: 0, max: 4e12, noNaN: true });
  fc.assert(
    fc.property(time, time, (a, b) => {
      const [x, y] = [encodeTai64n(a), encodeTai64n(b)];
      assert.ok(Math.abs(decodeTai64n(x) - a) < 1e-3);
      if (Math.abs(a - b) > 1e-3) {
        assert.equal(Math.sign(compareTai64n(x, 0, y, 0)), Math.sign(a - b));
      }
      assert.equal(compareTai64n(x, 0, x, 0), 0);
    }),
  );
});

test('any twelve bytes give a number', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 12, maxLength: 12 }), (bytes) => {
      assert.ok(Number.isFinite(decodeTai64n(bytes)));
    }),
  );
});
