import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadBinding, type NativeUdpBatch } from '../../src/socket/binding.js';
import { ADDRESS_WORDS, createDatagramBatch } from '../../src/socket/datagram-batch.js';
import { addressBytes, endpoint } from '../../src/wire/endpoint.js';
import { BurstSender } from '../socket/udp-burst.js';

const STRIDE = 64;

function open(): NativeUdpBatch {
  return new (loadBinding().UdpBatch)({
    family: 4,
    address: addressBytes('127.0.0.1'),
    scopeId: 0,
    port: 0,
    receiveBufferBytes: 1 << 20,
  });
}

describe('the native UDP batch', () => {
  it('fills as many slots as the smallest array has room for, and 256 at most', () => {
    const native = open();
    using sender = new BurstSender('127.0.0.1');
    const to = endpoint('127.0.0.1', native.port);
    const sizes = [
      { payload: 5 * STRIDE + 1, lengths: 9, addresses: 90, filled: 5 },
      { payload: 9 * STRIDE, lengths: 4, addresses: 90, filled: 4 },
      { payload: 9 * STRIDE, lengths: 9, addresses: 39, filled: 3 },
      { payload: 300 * STRIDE, lengths: 300, addresses: 3000, filled: 256 },
    ];
    for (const { payload, lengths, addresses, filled } of sizes) {
      sender.burst(to, 300);
      const count = native.receive(
        new Uint8Array(payload),
        STRIDE,
        new Int32Array(lengths),
        new Uint32Array(addresses),
      );
      assert.equal(count, filled);
      const rest = createDatagramBatch(256, STRIDE);
      while (native.receive(rest.payload, STRIDE, rest.lengths, rest.addresses) > 0);
    }
    native.close();
  });

  it('writes nowhere but in the views it is given', () => {
    const native = open();
    using sender = new BurstSender('127.0.0.1');
    sender.burst(endpoint('127.0.0.1', native.port), 10);
    const slab = new Uint8Array(4 * STRIDE).fill(0xaa);
    const lengths = new Int32Array(6).fill(77);
    const addresses = new Uint32Array(4 * ADDRESS_WORDS).fill(88);
    const count = native.receive(
      slab.subarray(STRIDE, 3 * STRIDE),
      STRIDE,
      lengths.subarray(1),
      addresses.subarray(ADDRESS_WORDS, 3 * ADDRESS_WORDS),
    );
    assert.equal(count, 2);
    assert.deepEqual([...lengths], [77, 4, 4, 77, 77, 77]);
    for (const outside of [slab.subarray(0, STRIDE), slab.subarray(3 * STRIDE)]) {
      assert.ok(outside.every((byte) => byte === 0xaa));
    }
    assert.equal(slab[STRIDE + 4], 0xaa);
    const words = [...addresses.subarray(0, ADDRESS_WORDS), ...addresses.subarray(-ADDRESS_WORDS)];
    assert.ok(words.every((word) => word === 88));
    native.close();
  });

  it('refuses arguments that are no slots', () => {
    const native = open();
    const bytes = new Uint8Array(STRIDE);
    const lengths = new Int32Array(1);
    const words = new Uint32Array(ADDRESS_WORDS);
    for (const stride of [0, -1, 65536, Number.NaN, 2 ** 40]) {
      assert.throws(() => native.receive(bytes, stride, lengths, words), RangeError);
    }
    assert.throws(() => native.receive(bytes, STRIDE + 1, lengths, words), RangeError);
    assert.throws(() => native.receive(bytes, STRIDE, lengths, words.subarray(1)), RangeError);
    assert.throws(() => native.receive(words as never, STRIDE, lengths, words), TypeError);
    assert.throws(() => native.receive(bytes, STRIDE, words as never, words), TypeError);
    assert.throws(
      () => native.receive(...([] as unknown as Parameters<typeof native.receive>)),
      TypeError,
    );
    for (const count of [-1, 2, 2 ** 40]) {
      assert.throws(() => native.send(bytes, STRIDE, lengths, words, count), RangeError);
    }
    native.close();
    assert.throws(() => native.receive(bytes, STRIDE, lengths, words), { code: 'EBADF' });
    lengths[0] = 1;
    assert.throws(() => native.send(bytes, STRIDE, lengths, words, 1), { code: 'EBADF' });
  });

  it('refuses malformed options', () => {
    const Open = loadBinding().UdpBatch as unknown as new (options: unknown) => unknown;
    const good = {
      family: 4,
      address: new Uint8Array(4),
      scopeId: 0,
      port: 0,
      receiveBufferBytes: 0,
    };
    for (const wrong of [
      undefined,
      7,
      {},
      { ...good, address: new Uint8Array(16) },
      { ...good, address: '127.0.0.1' },
      { ...good, port: 65536 },
      { ...good, port: -1 },
      { ...good, receiveBufferBytes: 2 ** 31 },
      { ...good, family: 6 },
    ]) {
      assert.throws(() => new Open(wrong), TypeError);
    }
  });

  it('counts drops that were not read before it was closed', async () => {
    const native = new (loadBinding().UdpBatch)({
      family: 4,
      address: addressBytes('127.0.0.1'),
      scopeId: 0,
      port: 0,
      receiveBufferBytes: 1,
    });
    assert.ok(native.receiveBufferBytes >= 1 && native.receiveBufferBytes < 10_000);
    using sender = new BurstSender('127.0.0.1');
    // On loopback a datagram is delivered, or dropped, before send returns.
    sender.burst(endpoint('127.0.0.1', native.port), 100);
    await new Promise<void>((resolve) => native.close(resolve));
    const drops = native.kernelDrops;
    assert.ok(drops > 50 && drops <= 100, `${drops} drops`);
    assert.equal(native.kernelDrops, drops);
  });
});
