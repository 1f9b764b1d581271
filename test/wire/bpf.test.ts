import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assemble, MAX_SOURCES, packetFilter, REJECT_ALL } from '../../src/wire/bpf.js';
import { encodeProbe, PROBE_FIRST_WORD, PROBE_LENGTH } from '../../src/wire/probe.js';
import { encodeUdp } from '../../src/wire/udp.js';
import { runFilter } from './bpf-machine.js';
import { hex } from './codec.js';
import { encodeIpv4, encodeIpv6 } from './ip-packets.js';

const SERVER4 = hex('c6336401');
const SERVER6 = hex('20010db8 00000000 00000000 00000001');
const HOST4 = hex('0a000002');
const HOST6 = hex('20010db8 00000000 00000000 00000002');
const SERVER_PORT = 49918;
const LISTEN_PORT = 51820;
const filter4 = packetFilter({
  family: 4,
  source: { address: SERVER4, port: SERVER_PORT },
  listenPort: LISTEN_PORT,
  payloadLengths: [0, 6],
});
const filter6 = packetFilter({
  family: 6,
  source: { address: SERVER6, port: SERVER_PORT },
  listenPort: LISTEN_PORT,
  payloadLengths: [0, 18],
});

interface Variation {
  source?: Uint8Array;
  sourcePort?: number;
  destinationPort?: number;
  length?: number;
  options?: Uint8Array;
  moreFragments?: boolean;
  fragmentOffset?: number;
}

function datagram(variation: Variation, length: number): Uint8Array {
  return encodeUdp({
    sourcePort: variation.sourcePort ?? SERVER_PORT,
    destinationPort: variation.destinationPort ?? LISTEN_PORT,
    payload: new Uint8Array(variation.length ?? length),
  });
}

function accepts4(variation: Variation): boolean {
  const { source = SERVER4, ...rest } = variation;
  const payload = datagram(variation, 6);
  return runFilter(filter4, encodeIpv4({ ...rest, source, destination: HOST4, payload })) > 0;
}

function accepts6(variation: Variation): boolean {
  const { source = SERVER6 } = variation;
  const payload = datagram(variation, 18);
  return runFilter(filter6, payload, encodeIpv6({ source, destination: HOST6, payload })) > 0;
}

test('instructions have the bytes of struct sock_filter', () => {
  const program = assemble([{ code: 0x15, jt: 1, jf: 2, k: 0x01020304 }]);
  assert.deepEqual(program, hex('1500 01 02 04030201'));
  assert.deepEqual(REJECT_ALL, hex('0600 00 00 00000000'));
});

test('the program for IPv4 has the expected instructions', () => {
  assert.equal(
    Buffer.from(filter4)
      .toString('hex')
      .replaceAll(/(.{16})/g, '$1 ')
      .trim(),
    [
      '2800000006000000', // ldh [6]: flags and fragment offset
      '45000d00ff3f0000', // jset #0x3fff, reject
      '200000000c000000', // ld [12]: source address
      '1500000b016433c6', // jeq #198.51.100.1, else reject
      'b100000000000000', // ldx 4*([0]&0xf)
      '4800000000000000', // ldh [x + 0]: source port
      '15000008fec20000', // jeq #49918, else reject
      'b100000000000000',
      '4800000002000000', // ldh [x + 2]: destination port
      '150000056cca0000', // jeq #51820, else reject
      'b100000000000000',
      '4800000004000000', // ldh [x + 4]: UDP length
      '1500010008000000', // jeq #8
      '150000010e000000', // jeq #14, else reject
      '06000000ffffffff', // accept
      '0600000000000000', // reject
    ].join(' '),
  );
});

test('replies pass, with and without IP options', () => {
  assert.ok(accepts4({}));
  assert.ok(accepts4({ length: 0 }));
  assert.ok(accepts4({ options: new Uint8Array(4).fill(1) }));
  assert.ok(accepts4({ options: new Uint8Array(40).fill(1) }));
  assert.ok(accepts6({}));
  assert.ok(accepts6({ length: 0 }));
});

test('everything else is rejected', () => {
  const variations: Variation[] = [
    { sourcePort: 49919 },
    { destinationPort: 51821 },
    { length: 1 },
    { length: 64 },
  ];
  for (const variation of variations) {
    assert.ok(!accepts4(variation), JSON.stringify(variation));
    assert.ok(!accepts6(variation), JSON.stringify(variation));
  }
  assert.ok(!accepts4({ length: 18 }));
  assert.ok(!accepts6({ length: 6 }));
  assert.ok(!accepts4({ moreFragments: true }));
  assert.ok(!accepts4({ fragmentOffset: 1 }));
  for (let i = 0; i < 16; i++) {
    const flip = (bytes: Uint8Array) => bytes.map((byte, at) => (at === i ? byte ^ 1 : byte));
    assert.ok(!accepts6({ source: flip(SERVER6) }), `byte ${i}`);
    assert.ok(i > 3 || !accepts4({ source: flip(SERVER4) }), `byte ${i}`);
  }
});

test('a filter for probes accepts any source, and one length, first word and destination port', () => {
  const rule = { source: undefined, listenPort: LISTEN_PORT, payloadLengths: [PROBE_LENGTH] };
  const word = PROBE_FIRST_WORD;
  const [four, six] = [
    packetFilter({ family: 4, ...rule, firstWord: word }),
    packetFilter({ family: 6, ...rule, firstWord: word }),
  ];
  const probe = encodeProbe({
    sender: new Uint8Array(8),
    intent: 'waiting',
    run: 0,
    transaction: 0,
  });
  const accepts = (payload: Uint8Array, destinationPort = LISTEN_PORT): boolean[] => {
    const udp = encodeUdp({ sourcePort: 1, destinationPort, payload });
    const ipv4 = encodeIpv4({ source: HOST4, destination: HOST4, payload: udp });
    const ipv6 = encodeIpv6({ source: HOST6, destination: HOST6, payload: udp });
    return [runFilter(four, ipv4) > 0, runFilter(six, udp, ipv6) > 0];
  };
  assert.deepEqual(accepts(probe), [true, true]);
  assert.deepEqual(accepts(probe, LISTEN_PORT + 1), [false, false]);
  assert.deepEqual(accepts(probe.subarray(0, PROBE_LENGTH - 1)), [false, false]);
  for (let i = 0; i < 4; i++) {
    const other = probe.map((byte, at) => (at === i ? byte ^ 1 : byte));
    assert.deepEqual(accepts(other), [false, false], `byte ${i}`);
  }
});

test('options cannot move a foreign port into the place of the right one', () => {
  const forged = encodeUdp({
    sourcePort: 49918,
    destinationPort: 51820,
    payload: new Uint8Array(6),
  });
  const options = forged.subarray(0, 12);
  assert.ok(!accepts4({ options, sourcePort: 1, destinationPort: 2 }));
});

test('random packets run to an end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80, size: 'max' }), (packet) => {
      assert.equal(runFilter(REJECT_ALL, packet), 0);
      runFilter(filter4, packet);
      runFilter(filter6, packet, packet);
    }),
  );
});

test('each of several sources passes with its own port only, and with every length', () => {
  const lengths = Array.from({ length: 80 }, (_, i) => 16 * i);
  for (const family of [4, 6] as const) {
    const host = family === 4 ? HOST4 : HOST6;
    const sources = Array.from({ length: MAX_SOURCES }, (_, i) => ({
      address: (family === 4 ? SERVER4 : SERVER6).map((byte, at, all) =>
        at === all.length - 1 ? byte + i : byte,
      ),
      port: 50_000 + i,
    }));
    const rule = { family, listenPort: LISTEN_PORT, payloadLengths: lengths };
    const filter = packetFilter({ ...rule, source: sources });
    const accepts = (source: Uint8Array, sourcePort: number, length = 16 * 79) => {
      const payload = datagram({ sourcePort }, length);
      return family === 4
        ? runFilter(filter, encodeIpv4({ source, destination: host, payload })) > 0
        : runFilter(filter, payload, encodeIpv6({ source, destination: host, payload })) > 0;
    };
    for (const { address, port } of sources) {
      assert.ok(accepts(address, port));
      assert.ok(accepts(address, port, 0));
      assert.ok(!accepts(address, port, 17));
      const others = sources.filter((one) => one.port !== port);
      assert.ok(others.every((other) => !accepts(address, other.port)));
    }
    const stranger = (sources[0] as { address: Uint8Array }).address.map((byte) => byte ^ 0x40);
    assert.ok(!accepts(stranger, 50_000));
    const one = { address: SERVER4, port: 1 };
    assert.throws(() => packetFilter({ ...rule, source: [] }), RangeError);
    assert.throws(() => packetFilter({ ...rule, source: Array(9).fill(one) }), RangeError);
  }
});
