import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { internetChecksum } from '../../src/wire/checksum.js';
import { decodeIpv4 } from '../../src/wire/ip.js';
import { decodeUdp, encodeUdp, udpChecksum } from '../../src/wire/udp.js';
import { hex, testHostileBytes } from './codec.js';
import { decodeIpv6, encodeIpv4, encodeIpv6 } from './ip-packets.js';

const A4 = hex('c0000201');
const B4 = hex('c0000202');
const A6 = hex('20010db8 00000000 00000000 00000001');
const B6 = hex('20010db8 00000000 00000000 00000002');
const port = fc.integer({ min: 0, max: 65535 });

test('the checksum is that of the example in RFC 1071', () => {
  assert.equal(internetChecksum(hex('0001 f203 f4f5 f6f7')), 0x220d);
});

test('an IPv4 header has the exact bytes and checksum of a known packet', () => {
  // The header that Wikipedia's "Internet checksum" article works through.
  const known = hex('4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7');
  const packet = encodeIpv4({
    source: known.subarray(12, 16),
    destination: known.subarray(16, 20),
    payload: new Uint8Array(0x73 - 20),
  });
  assert.deepEqual(packet.subarray(0, 20), known);
});

test('IPv4 packets round-trip, with options and as fragments', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40, size: 'max' }),
      fc.integer({ min: 0, max: 10 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 100 }),
      (payload, optionWords, moreFragments, fragmentOffset) => {
        const options = new Uint8Array(optionWords * 4).fill(1);
        const fields = { source: A4, destination: B4, payload, options, moreFragments };
        const packet = encodeIpv4({ ...fields, fragmentOffset });
        const header = decodeIpv4(packet);
        assert.deepEqual(header, {
          headerLength: 20 + options.length,
          totalLength: packet.length,
          ttl: 64,
          protocol: 17,
          source: A4,
          destination: B4,
          fragment: moreFragments || fragmentOffset > 0,
        });
        assert.equal(internetChecksum(packet.subarray(0, header?.headerLength)), 0);
      },
    ),
  );
});

test('IPv4 options that do not fit are refused', () => {
  for (const length of [3, 44]) {
    const options = new Uint8Array(length);
    assert.throws(
      () => encodeIpv4({ source: A4, destination: B4, payload: new Uint8Array(0), options }),
      RangeError,
    );
  }
});

test('an IPv4 header whose lengths contradict each other is refused', () => {
  const packet = encodeIpv4({ source: A4, destination: B4, payload: new Uint8Array(8) });
  for (const [offset, value] of [
    [0, 0x44],
    [0, 0x4f],
    [0, 0x65],
    [3, 10],
    [3, 200],
  ] as const) {
    const broken = packet.slice();
    broken[offset] = value;
    assert.equal(decodeIpv4(broken), undefined, `byte ${offset} = ${value}`);
  }
});

test('IPv6 packets round-trip', () => {
  const payload = hex('0102030405');
  assert.deepEqual(decodeIpv6(encodeIpv6({ source: A6, destination: B6, payload })), {
    payloadLength: 5,
    nextHeader: 17,
    source: A6,
    destination: B6,
  });
});

test('UDP datagrams have exact bytes and round-trip', () => {
  assert.deepEqual(
    encodeUdp({ sourcePort: 51820, destinationPort: 49918, payload: hex('aabb') }),
    hex('ca6c c2fe 000a 0000 aabb'),
  );
  fc.assert(
    fc.property(
      port,
      port,
      fc.uint8Array({ maxLength: 100, size: 'max' }),
      (source, destination, payload) => {
        const bytes = encodeUdp({ sourcePort: source, destinationPort: destination, payload });
        assert.deepEqual(decodeUdp(bytes), {
          sourcePort: source,
          destinationPort: destination,
          length: bytes.length,
          checksum: 0,
          payload,
        });
      },
    ),
  );
});

test('bytes beyond the length in the UDP header are not payload', () => {
  const bytes = hex('ca6c c2fe 000a 0000 aabb cccc');
  assert.deepEqual(decodeUdp(bytes)?.payload, hex('aabb'));
});

test('the UDP checksum covers the pseudo header of each family and is never 0', () => {
  for (const [source, destination] of [
    [A4, B4],
    [A6, B6],
  ] as const) {
    const fields = { sourcePort: 1, destinationPort: 2, payload: hex('010203') };
    const plain = encodeUdp(fields);
    const checksum = udpChecksum(source, destination, plain);
    const summed = encodeUdp({ ...fields, checksum });
    assert.notEqual(checksum, 0);
    // A receiver sums everything, the checksum included, and gets all ones: our 0, sent as 0xffff.
    assert.equal(udpChecksum(source, destination, summed), 0xffff);
    const other = destination.slice();
    other[other.length - 1] = 9;
    assert.notEqual(udpChecksum(source, other, plain), checksum);
  }
});

testHostileBytes(
  'IPv4',
  decodeIpv4,
  encodeIpv4({ source: A4, destination: B4, payload: hex('0102') }),
);
testHostileBytes(
  'IPv6',
  decodeIpv6,
  encodeIpv6({ source: A6, destination: B6, payload: hex('0102') }),
);
testHostileBytes('UDP', decodeUdp, hex('ca6c c2fe 000a 0000 aabb'));
