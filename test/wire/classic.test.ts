import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeClassicReply, encodeClassicRequest } from '../../src/wire/classic.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { publicKey } from '../../src/wire/key.js';
import { hex } from './codec.js';

test('a request is my key, then theirs', () => {
  const bytes = encodeClassicRequest(
    publicKey(new Uint8Array(32).fill(0xaa)),
    publicKey(new Uint8Array(32).fill(0xbb)),
  );
  assert.deepEqual(bytes, hex('aa'.repeat(32) + 'bb'.repeat(32)));
});

test('a reply is an address and a port, or empty for an unknown peer', () => {
  assert.deepEqual(decodeClassicReply(hex('c0000201ca6c'), 4), parseEndpoint('192.0.2.1:51820'));
  assert.deepEqual(
    decodeClassicReply(hex('20010db8000000000000000000000001 ca6c'), 6),
    parseEndpoint('[2001:db8::1]:51820'),
  );
  assert.equal(decodeClassicReply(new Uint8Array(0), 4), 'unknown');
  assert.equal(decodeClassicReply(new Uint8Array(0), 6), 'unknown');
});

test('an endpoint that cannot be sent to counts as unknown', () => {
  assert.equal(decodeClassicReply(hex('00000000 0000'), 4), 'unknown');
  assert.equal(decodeClassicReply(hex('c0000201 0000'), 4), 'unknown');
  assert.equal(decodeClassicReply(hex('00000000 ca6c'), 4), 'unknown');
  assert.equal(decodeClassicReply(hex(`${'00'.repeat(16)} ca6c`), 6), 'unknown');
});

test('any other length is no reply', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40, size: 'max' }),
      fc.constantFrom(4 as const, 6 as const),
      (bytes, family) => {
        const isReply = bytes.length === 0 || bytes.length === (family === 4 ? 6 : 18);
        assert.equal(decodeClassicReply(bytes, family) !== undefined, isReply);
      },
    ),
  );
});
