import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressBytes,
  addressFamily,
  decodeEndpoint,
  endpoint,
  formatAddress,
  formatEndpoint,
  parseEndpoint,
  sameEndpoint,
} from '../../src/wire/endpoint.js';
import { hex, testHostileBytes } from './codec.js';
import { encodeEndpoint } from './encode-endpoint.js';

test('endpoints have the exact bytes of address and port in network order', () => {
  assert.deepEqual(encodeEndpoint(parseEndpoint('192.0.2.1:51820')), hex('c0000201 ca6c'));
  assert.deepEqual(
    encodeEndpoint(parseEndpoint('[2001:db8::1]:49918')),
    hex('20010db8 00000000 00000000 00000001 c2fe'),
  );
});

test('endpoints round-trip as bytes and as text', () => {
  const anyEndpoint = fc
    .tuple(
      fc.oneof(
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
      ),
      fc.integer({ min: 0, max: 65535 }),
    )
    .map(([address, port]) => endpoint(formatAddress(address), port));
  fc.assert(
    fc.property(anyEndpoint, (value) => {
      assert.deepEqual(decodeEndpoint(encodeEndpoint(value)), value);
      assert.deepEqual(parseEndpoint(formatEndpoint(value)), value);
    }),
  );
});

test('IPv6 text is brought into the one form of RFC 5952', () => {
  const written = parseEndpoint('[2001:DB8:0:0:0:0:0:1]:1');
  assert.equal(written.address, '2001:db8::1');
  assert.ok(sameEndpoint(written, parseEndpoint('[2001:db8::1]:1')));
});

test("the bytes of an address are its caller's own, however many addresses there were", () => {
  const first = addressBytes('192.0.2.1');
  first.fill(0);
  for (let i = 0; i < 5000; i++) {
    const bytes = addressBytes(`198.18.${i >> 8}.${i & 255}`);
    assert.deepEqual([...bytes], [198, 18, i >> 8, i & 255]);
  }
  assert.deepEqual([...addressBytes('192.0.2.1')], [192, 0, 2, 1]);
});

test('a zone stays with the text and not with the bytes', () => {
  assert.equal(parseEndpoint('[fe80::1%eth0]:1').address, 'fe80::1%eth0');
  assert.equal(addressBytes('fe80::1%eth0').length, 16);
});

test('a zone is any name that Linux takes for an interface', () => {
  const character = fc.constantFrom(...'aZ09-_.[]%@é');
  const name = fc.string({ unit: character, minLength: 1, maxLength: 7 });
  const names = ['br-lan.7', 'docker_gwbridge', 'eth0.100', 'a]b', '7', '...'];
  const zone = fc.oneof(fc.constantFrom(...names), name).filter((it) => !/^\.\.?$/.test(it));
  fc.assert(
    fc.property(zone, (it) => {
      const value = { address: `fe80::1%${it}`, port: 49918, family: 6 } as const;
      assert.deepEqual(parseEndpoint(formatEndpoint(value)), value);
      assert.equal(addressFamily(value.address), 6);
      assert.deepEqual(addressBytes(value.address), addressBytes('fe80::1'));
    }),
  );
  for (const bad of ['', '.', '..', 'a/b', 'a b', 'a:b', 'sixteen_letters_', 'éééééééé']) {
    assert.throws(() => parseEndpoint(`[fe80::1%${bad}]:1`), RangeError, bad);
    assert.equal(addressFamily(`fe80::1%${bad}`), undefined);
  }
  assert.equal(addressFamily('192.0.2.1%eth0'), undefined);
});

test('the bytes of an address do not depend on its zone', () => {
  for (const zone of ['sixteen_letters_', 'Ã©Ã©Ã©Ã©Ã©Ã©Ã©a', 'a b', '']) {
    assert.deepEqual(addressBytes(`fe80::1%${zone}`), addressBytes('fe80::1'));
  }
  assert.throws(() => addressBytes('eth0%fe80::1'), RangeError);
});

test('malformed endpoints are refused', () => {
  const bad = ['', '1.2.3.4', '1.2.3:4', '1.2.3.4:65536', '1.2.3.4:x', '::1:5', '[1.2.3.4]:5'];
  for (const text of [...bad, '[::1]', '[::1]:', '256.0.0.1:1', 'host:1', '010.0.0.1:5']) {
    assert.throws(() => parseEndpoint(text), RangeError, text);
  }
});

test('the text determines the family', () => {
  assert.deepEqual(['127.0.0.1', '::1', '127.1', 'x', '', '0x7f.0.0.1'].map(addressFamily), [
    4,
    6,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test('endpoints differ in address or in port', () => {
  const a = parseEndpoint('192.0.2.1:1');
  assert.ok(sameEndpoint(a, { ...a }));
  assert.ok(!sameEndpoint(a, parseEndpoint('192.0.2.1:2')));
  assert.ok(!sameEndpoint(a, parseEndpoint('192.0.2.2:1')));
  assert.ok(!sameEndpoint(a, undefined));
});

testHostileBytes('endpoint', decodeEndpoint, hex('c0000201 ca6c'));
