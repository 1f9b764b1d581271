import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortBuffers } from '../../src/socket/short-buffer.js';

const ASKED = { receiveBufferBytes: 4000, sendBufferBytes: 8000 };

test('the kernel reports twice the size that it grants', () => {
  assert.deepEqual(shortBuffers(ASKED, { receiveBufferBytes: 8000, sendBufferBytes: 16_000 }), []);
  assert.deepEqual(shortBuffers(ASKED, { receiveBufferBytes: 7998, sendBufferBytes: 16_000 }), [
    { queue: 'receive', askedBytes: 4000, grantedBytes: 3999 },
  ]);
  assert.deepEqual(shortBuffers(ASKED, { receiveBufferBytes: 9000, sendBufferBytes: 4608 }), [
    { queue: 'send', askedBytes: 8000, grantedBytes: 2304 },
  ]);
});

test('without a requested size nothing is short', () => {
  const nothing = { receiveBufferBytes: 0, sendBufferBytes: 0 };
  assert.deepEqual(shortBuffers(nothing, { receiveBufferBytes: 2304, sendBufferBytes: 4608 }), []);
});
