import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkPacket } from '../../src/socket/packet-check.js';
import { addressBytes } from '../../src/wire/endpoint.js';
import { decodeIpv4 } from '../../src/wire/ip.js';
import { datagram, fragments, packet } from '../native/packets.js';

const PAYLOAD = Uint8Array.of(1, 2, 3, 4, 5, 6);
const ENDPOINTS = {
  4: {
    from: { address: '192.0.2.1', port: 49918, family: 4 },
    to: { address: '198.51.100.7', port: 51820, family: 4 },
  },
  6: {
    from: { address: '2001:db8::1', port: 49918, family: 6 },
    to: { address: '2001:db8::7', port: 51820, family: 6 },
  },
} as const;

for (const family of [4, 6] as const) {
  const { from, to } = ENDPOINTS[family];
  const source = addressBytes(from.address);
  const rule = {
    family,
    source: { address: source, port: from.port },
    listenPort: to.port,
    payloadLengths: [0, 6],
  };
  const make = (fields: { payload?: Uint8Array; options?: Uint8Array } = {}) => {
    const all = { from, to, payload: PAYLOAD, ...fields };
    return family === 4 ? packet(all) : datagram(all);
  };
  const check = (bytes: Uint8Array, differently = {}) => {
    const checked = checkPacket({ bytes, source, fragmented: false }, { ...rule, ...differently });
    return typeof checked === 'string' ? checked : checked.payload;
  };

  describe(`checkPacket over IPv${family}`, () => {
    it('gives the payload of a reply of each length', () => {
      assert.deepEqual(check(make()), PAYLOAD);
      assert.deepEqual(check(make({ payload: new Uint8Array(0) })), new Uint8Array(0));
    });

    it('names the reason', () => {
      const other = addressBytes(family === 4 ? '192.0.2.2' : '2001:db8::2');
      assert.equal(
        check(make(), { source: { address: other, port: from.port } }),
        'foreignAddress',
      );
      assert.equal(check(make(), { source: { address: source, port: 49919 } }), 'foreignPort');
      assert.equal(check(make(), { listenPort: 51821 }), 'foreignPort');
      assert.equal(check(make(), { payloadLengths: [0, 5, 7] }), 'badLength');
      assert.equal(check(make(), { firstWord: 0x01020305 }), 'foreignContent');
      const empty = make({ payload: new Uint8Array(0) });
      assert.equal(check(empty, { firstWord: 0 }), 'foreignContent');
      const reassembled = { bytes: make(), source, fragmented: true };
      assert.equal(checkPacket(reassembled, rule), 'fragment');
    });

    it('gives a payload with the right first word, from any source if none is named', () => {
      const any = { source: undefined, firstWord: 0x01020304 };
      const checked = checkPacket(
        { bytes: make(), source, fragmented: false },
        { ...rule, ...any },
      );
      const ttl = family === 4 ? 64 : undefined;
      assert.deepEqual(checked, { payload: PAYLOAD, sourcePort: from.port, ttl });
    });

    it('refuses packets that are cut short, at each length', () => {
      const whole = make();
      for (let length = 0; length < whole.length; length++) {
        assert.equal(check(whole.subarray(0, length)), 'malformed', `at ${length} bytes`);
      }
    });

    it('takes no random bytes, and never throws', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 128, size: 'max' }), (bytes) => {
          assert.equal(typeof check(bytes), 'string');
        }),
      );
    });

    it('never throws on a reply with random bytes overwritten', () => {
      const reply = make();
      const change = fc.record({ at: fc.nat(reply.length - 1), byte: fc.nat(255) });
      fc.assert(
        fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
          const bytes = reply.slice();
          for (const { at, byte } of changes) {
            bytes[at] = byte;
          }
          const checked = check(bytes);
          assert.ok(typeof checked === 'string' || [0, 6].includes(checked.length));
        }),
      );
    });
  });
}

describe('checkPacket over IPv4', () => {
  const { from, to } = ENDPOINTS[4];
  const source = addressBytes(from.address);
  const rule = {
    family: 4,
    source: { address: source, port: from.port },
    listenPort: to.port,
    payloadLengths: [6],
  } as const;

  it('finds the payload behind options of every length', () => {
    for (let length = 0; length <= 40; length += 4) {
      const options = new Uint8Array(length).fill(1);
      const bytes = packet({ from, to, payload: PAYLOAD, options });
      assert.equal(decodeIpv4(bytes)?.headerLength, 20 + length);
      const checked = checkPacket({ bytes, source, fragmented: false }, rule);
      assert.deepEqual(checked, { payload: PAYLOAD, sourcePort: from.port, ttl: 64 });
    }
  });

  it('takes no fragment, first or later', () => {
    for (const bytes of fragments({ from, to, payload: PAYLOAD })) {
      assert.equal(checkPacket({ bytes, source, fragmented: false }, rule), 'fragment');
    }
  });
});
