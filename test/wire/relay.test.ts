import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hasBindMac, writeBindMac } from '../../src/sealed/bind-mac.js';
import {
  BIND_LENGTH,
  BINDING,
  isBind,
  isBound,
  isWireguard,
  readBindCounter,
  readBindId,
  readBindingState,
  writeBind,
  writeBound,
} from '../../src/wire/relay.js';
import { hex } from './codec.js';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);

describe('a bind and its answer', () => {
  it('have the bytes of the document, wherever they are written', () => {
    const bytes = new Uint8Array(7 + BIND_LENGTH).fill(0xff);
    writeBind(bytes, 7, 0x01020304, 5);
    assert.deepEqual(
      bytes.subarray(7),
      hex(`77677208 04030201 05000000 00 000000 ${'00'.repeat(24)}`),
    );
    assert.ok(isBind(bytes, 7, BIND_LENGTH));
    assert.ok(!isBound(bytes, 7, BIND_LENGTH));
    writeBound(bytes, 7, 0xfffefdfc, 0x80000001, BINDING.connected);
    assert.deepEqual(
      bytes.subarray(7),
      hex(`77677209 fcfdfeff 01000080 02 000000 ${'00'.repeat(24)}`),
    );
    assert.ok(isBound(bytes, 7, BIND_LENGTH));
    assert.equal(readBindId(bytes, 7), 0xfffefdfc);
    assert.equal(readBindCounter(bytes, 7), 0x80000001);
    assert.equal(readBindingState(bytes, 7), BINDING.connected);
  });

  it('of another length, type or state are none', () => {
    const bytes = new Uint8Array(BIND_LENGTH + 1);
    writeBind(bytes, 0, 1, 1);
    for (let length = 0; length <= BIND_LENGTH + 1; length++) {
      assert.equal(isBind(bytes, 0, length), length === BIND_LENGTH);
    }
    for (const at of [0, 1, 2, 3, 12]) {
      const other = bytes.slice();
      other[at]! ^= 0x10;
      assert.ok(!isBind(other, 0, BIND_LENGTH), `byte ${at}`);
    }
    writeBound(bytes, 0, 1, 1, BINDING.bound);
    bytes[12] = 3;
    assert.ok(!isBound(bytes, 0, BIND_LENGTH));
  });

  it('have a MAC over every byte, by BLAKE2b with the key', () => {
    const bytes = new Uint8Array(BIND_LENGTH);
    writeBind(bytes, 0, 0x01020304, 5);
    writeBindMac(bytes, 0, KEY);
    // Python: hashlib.blake2b(message[:24], digest_size=16, key=bytes(range(16)))
    assert.equal(
      Buffer.from(bytes.subarray(24)).toString('hex'),
      '5c0d33d1d9b572690c8549f34b9637a3',
    );
    assert.ok(hasBindMac(bytes, 0, KEY));
    for (let at = 0; at < BIND_LENGTH; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      assert.ok(!hasBindMac(changed, 0, KEY), `byte ${at}`);
    }
    assert.ok(!hasBindMac(bytes, 0, new Uint8Array(16)));
  });
});

describe("WireGuard's messages", () => {
  it('are known by type and length, as WireGuard knows them', () => {
    fc.assert(
      fc.property(fc.nat(5), fc.nat(1500), fc.nat(20), (type, length, at) => {
        const bytes = new Uint8Array(at + Math.max(length, 4));
        bytes[at] = type;
        const expected =
          (type === 1 && length === 148) ||
          (type === 2 && length === 92) ||
          (type === 3 && length === 64) ||
          (type === 4 && length >= 32);
        assert.equal(isWireguard(bytes, at, length), expected);
      }),
    );
  });

  it('have zeros behind their type', () => {
    for (const at of [1, 2, 3]) {
      const bytes = new Uint8Array(32);
      bytes[0] = 4;
      assert.ok(isWireguard(bytes, 0, 32));
      bytes[at] = 1;
      assert.ok(!isWireguard(bytes, 0, 32));
    }
  });

  it('are never ours', () => {
    const bytes = new Uint8Array(BIND_LENGTH);
    writeBind(bytes, 0, 1, 1);
    assert.ok(!isWireguard(bytes, 0, BIND_LENGTH));
  });
});
