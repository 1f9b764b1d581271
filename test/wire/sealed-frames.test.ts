import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addressBytes, type Endpoint, parseEndpoint } from '../../src/wire/endpoint.js';
import { publicKey } from '../../src/wire/key.js';
import { MAX_PLAINTEXT_LENGTH } from '../../src/wire/sealed.js';
import {
  decodeSealedFrame,
  type PeerEntry,
  type SealedFrame,
} from '../../src/wire/sealed-frame-reader.js';
import { FrameWriter } from '../../src/wire/sealed-frame-writer.js';
import {
  ENTRY_FLAG,
  entryLength,
  FRAME,
  ITEM_LENGTH,
  type ListKind,
  listCount,
  listHeaderLength,
  maxItems,
  RELAY_REFUSAL,
  splitWantList,
  wantParts,
} from '../../src/wire/sealed-frames.js';
import { hex, testHostileBytes } from './codec.js';

const A = publicKey(new Uint8Array(32).fill(0xaa));
const B = publicKey(new Uint8Array(32).fill(0xbb));
const SEALED = new Uint8Array(248).fill(0xcc);
const TOKEN = hex('0102030405060708');
const IPV4 = parseEndpoint('192.0.2.1:51820');
const IPV6 = parseEndpoint('[2001:db8::1]:51820');
const RELAY = { id: 0x01020304, key: new Uint8Array(16).fill(0xdd) };
const hexA = 'aa'.repeat(32);
const hexB = 'bb'.repeat(32);

const writer = new FrameWriter();

function bytesOf(frame: FrameWriter): Uint8Array {
  return frame.bytes.slice(0, frame.length);
}

/** Every frame of the document, its bytes, and what it decodes to. */
const FRAMES: readonly [string, FrameWriter, string, SealedFrame][] = (() => {
  const make = (fill: (frame: FrameWriter) => void): FrameWriter => {
    const frame = new FrameWriter();
    fill(frame);
    return frame;
  };
  const put = (frame: FrameWriter, { address, family, port }: Endpoint) =>
    frame.putEndpoint(addressBytes(address), 0, family, port);
  return [
    [
      'want',
      make((frame) => frame.beginWant(0x01020304, 5, 6).addKey(A).addKey(B)),
      `01 00 0200 04030201 0500 0600 ${hexA} ${hexB}`,
      { kind: FRAME.want, version: 0x01020304, part: 5, parts: 6, keys: [A, B] },
    ],
    [
      'want, with no keys',
      make((frame) => frame.beginWant(1, 0, 1)),
      '01 00 0000 01000000 0000 0100',
      { kind: FRAME.want, version: 1, part: 0, parts: 1, keys: [] },
    ],
    [
      'candidates',
      make((frame) => frame.begin(FRAME.candidates).addCandidates(B, SEALED)),
      `02 00 0100 ${hexB} ${'cc'.repeat(248)}`,
      { kind: FRAME.candidates, items: [{ key: B, sealed: SEALED }] },
    ],
    [
      'relay',
      make((frame) => frame.begin(FRAME.relay).addKey(A).addKey(B)),
      `07 00 0200 ${hexA} ${hexB}`,
      { kind: FRAME.relay, keys: [A, B] },
    ],
    [
      'peers with a relay, and without for a reason',
      make((frame) => {
        frame.beginAnswer(3).addEntry(A, 0, ENTRY_FLAG.ipv4 | ENTRY_FLAG.relayed);
        put(frame, IPV4).putRelay(49_920, RELAY);
        frame.addEntry(B, 0, ENTRY_FLAG.notRelayed).putRefusal(RELAY_REFUSAL.full);
      }),
      `41 00 0200 0300000000000000 ${hexA} 11 c0000201ca6c c300 04030201 ${'dd'.repeat(16)}
       ${hexB} 20 03`,
      {
        kind: FRAME.peers,
        push: false,
        counter: 3,
        entries: [
          {
            key: A,
            ipv4: IPV4,
            ipv6: undefined,
            candidates: undefined,
            notKept: false,
            relay: { port: 49_920, ...RELAY },
          },
          {
            key: B,
            ipv4: undefined,
            ipv6: undefined,
            candidates: undefined,
            notKept: false,
            relayRefusal: RELAY_REFUSAL.full,
          },
        ],
      },
    ],
    ['ping', make((frame) => frame.plain(FRAME.ping)), '03', { kind: FRAME.ping }],
    [
      'path response',
      make((frame) => frame.token(FRAME.pathResponse, TOKEN)),
      '04 0102030405060708',
      { kind: FRAME.pathResponse, token: TOKEN },
    ],
    ['bye', make((frame) => frame.plain(FRAME.bye)), '05', { kind: FRAME.bye }],
    [
      'ack',
      make((frame) => frame.begin(FRAME.ack).addCounter(5).addCounter(0x01_0000_0002)),
      '06 00 0200 0500000000000000 0200000001000000',
      { kind: FRAME.ack, counters: [5, 0x01_0000_0002] },
    ],
    [
      'peers that answer a want',
      make((frame) => frame.beginAnswer(0x01_0000_0002).addEntry(B, 0, 0)),
      `41 00 0100 0200000001000000 ${hexB} 00`,
      {
        kind: FRAME.peers,
        push: false,
        counter: 0x01_0000_0002,
        entries: [
          { key: B, ipv4: undefined, ipv6: undefined, candidates: undefined, notKept: false },
        ],
      },
    ],
    [
      'peers that are pushed',
      make((frame) => {
        frame.beginPush();
        frame.addEntry(B, 0, 0).addEntry(B, 0, ENTRY_FLAG.notKept).addEntry(A, 0, 7);
        put(put(frame, IPV4), IPV6).putCandidates(SEALED);
      }),
      `41 01 0300 0000000000000000 ${hexB} 00 ${hexB} 08
       ${hexA} 07 c0000201ca6c 20010db8000000000000000000000001ca6c ${'cc'.repeat(248)}`,
      {
        kind: FRAME.peers,
        push: true,
        counter: 0,
        entries: [
          { key: B, ipv4: undefined, ipv6: undefined, candidates: undefined, notKept: false },
          { key: B, ipv4: undefined, ipv6: undefined, candidates: undefined, notKept: true },
          { key: A, ipv4: IPV4, ipv6: IPV6, candidates: SEALED, notKept: false },
        ],
      },
    ],
    [
      'pong over IPv4',
      make((frame) => frame.pong(addressBytes(IPV4.address), 0, 4, IPV4.port)),
      '42 04 ca6c c0000201',
      { kind: FRAME.pong, endpoint: IPV4 },
    ],
    [
      'pong over IPv6',
      make((frame) => frame.pong(addressBytes(IPV6.address), 0, 6, IPV6.port)),
      '42 06 ca6c 20010db8000000000000000000000001',
      { kind: FRAME.pong, endpoint: IPV6 },
    ],
    ['observe', make((frame) => frame.observe()), `10${'00'.repeat(29)}`, { kind: FRAME.observe }],
    [
      'observed over IPv4',
      make((frame) => frame.observed(7, 49919, addressBytes(IPV4.address), 0, 4, IPV4.port)),
      '50 04 ca6c 0700000000000000 c2ff c0000201',
      { kind: FRAME.observed, counter: 7, otherPort: 49919, endpoint: IPV4 },
    ],
    [
      'observed over IPv6',
      make((frame) => frame.observed(7, 0, addressBytes(IPV6.address), 0, 6, IPV6.port)),
      '50 06 ca6c 0700000000000000 0000 20010db8000000000000000000000001',
      { kind: FRAME.observed, counter: 7, otherPort: 0, endpoint: IPV6 },
    ],
    [
      'path challenge',
      make((frame) => frame.token(FRAME.pathChallenge, TOKEN)),
      '43 0102030405060708',
      { kind: FRAME.pathChallenge, token: TOKEN },
    ],
    [
      "the server's ack",
      make((frame) => frame.begin(FRAME.serverAck).addCounter(9)),
      '44 00 0100 0900000000000000',
      { kind: FRAME.serverAck, counters: [9] },
    ],
  ];
})();

for (const [name, frame, expected, decoded] of FRAMES) {
  const bytes = bytesOf(frame);
  describe(`frame: ${name}`, () => {
    it(`frame ${name} has the bytes of the document`, () => assert.deepEqual(bytes, hex(expected)));

    it(`frame ${name} decodes, with padding and without`, () => {
      assert.deepEqual(decodeSealedFrame(bytes), decoded);
      assert.deepEqual(decodeSealedFrame(Uint8Array.of(...bytes, ...new Uint8Array(16))), decoded);
    });
  });
  testHostileBytes(`frame: ${name}`, decodeSealedFrame, bytes);
}

describe('decoding', () => {
  it('a decoded frame shares no memory with the plaintext', () => {
    const bytes = bytesOf(writer.beginWant(1, 0, 1).addKey(A));
    const frame = decodeSealedFrame(bytes);
    bytes.fill(0);
    assert.deepEqual(frame, { kind: FRAME.want, version: 1, part: 0, parts: 1, keys: [A] });
  });

  it('decoding never throws on any bytes behind a known kind and a small count (property)', () => {
    const kind = fc.constantFrom(...Object.values(FRAME));
    const count = fc.nat(12);
    const rest = fc.uint8Array({ maxLength: MAX_PLAINTEXT_LENGTH - 4, size: 'max' });
    fc.assert(
      fc.property(kind, fc.nat(6), count, rest, (first, second, items, bytes) => {
        decodeSealedFrame(Uint8Array.of(first, second, items, 0, ...bytes));
      }),
    );
  });

  it('decoding a frame refuses unknown kinds, flags and fields', () => {
    const known = new Set<number>(Object.values(FRAME));
    for (let kind = 0; kind < 256; kind++) {
      const bytes = new Uint8Array(48);
      bytes[0] = kind;
      bytes[1] = kind === FRAME.pong || kind === FRAME.observed ? 4 : 0;
      assert.equal(decodeSealedFrame(bytes) !== undefined, known.has(kind), `kind ${kind}`);
    }
    assert.equal(decodeSealedFrame(hex(`41 02 0000 0000000000000000`)), undefined);
    assert.equal(decodeSealedFrame(hex(`41 00 0100 0000000000000000 ${hexA} 10`)), undefined);
    assert.equal(decodeSealedFrame(hex(`41 00 0100 0000000000000000 ${hexA} 40`)), undefined);
    assert.equal(decodeSealedFrame(hex(`01 01 0100 01000000 0000 0100 ${hexA}`)), undefined);
    assert.equal(decodeSealedFrame(hex('42 05 ca6c c0000201')), undefined);
  });

  it('decoding a frame leaves out unusable endpoints', () => {
    for (const endpoint of ['00000000 ca6c', 'c0000201 0000']) {
      const frame = decodeSealedFrame(hex(`41 00 0100 0000000000000000 ${hexA} 01 ${endpoint}`));
      assert.ok(frame?.kind === FRAME.peers);
      assert.equal((frame.entries[0] as PeerEntry).ipv4, undefined);
    }
  });
});

describe('a list', () => {
  const kinds = Object.keys(ITEM_LENGTH).map(Number) as ListKind[];

  it('a list holds as many items as the document says', () => {
    assert.deepEqual(
      kinds.map((kind) => maxItems(kind)),
      [37, 4, 149, 37, 149],
    );
  });

  it('a list takes items while they fit, and counts them', () => {
    writer.beginWant(1, 0, 1);
    while (writer.fits(32)) {
      writer.addKey(A);
    }
    assert.equal(writer.count, 37);
    assert.equal(writer.length, 12 + 37 * 32);
    assert.equal(listCount(writer.bytes, 0, writer.length), 37);
    assert.throws(() => writer.addKey(A), RangeError);
  });

  it('a list is counted in place, and refused when it ends early', () => {
    for (const kind of kinds) {
      const length = listHeaderLength(kind) + 3 * ITEM_LENGTH[kind];
      const bytes = new Uint8Array(7 + length);
      bytes.set([kind, 0, 3, 0], 7);
      assert.equal(listCount(bytes, 7, length), 3);
      assert.equal(listCount(bytes, 7, length + 10), 3);
      for (let short = 0; short < length; short++) {
        assert.equal(listCount(bytes, 7, short), -1);
      }
    }
    for (const kind of [FRAME.ping, FRAME.peers, FRAME.pong, 0, 255]) {
      assert.equal(listCount(Uint8Array.of(kind, 0, 0, 0), 0, 4), -1);
    }
  });
});

it('a want list has a part of 33 keys, then one for each 37, and one if it is empty', () => {
  assert.deepEqual([0, 1, 33, 34, 70, 71, 4096].map(wantParts), [1, 1, 1, 2, 2, 3, 111]);
  for (const count of [0, 1, 33, 34, 70, 71, 4096]) {
    const keys = Array.from({ length: count }, (_, i) => i);
    const parts = splitWantList(keys);
    assert.equal(parts.length, wantParts(count));
    assert.deepEqual(parts.flat(), keys);
    assert.ok(parts.every(({ length }, i) => length <= (i === 0 ? 33 : 37)));
  }
});

describe('an entry', () => {
  it('an entry is as long as its flags say', () => {
    const lengths = [33, 39, 51, 57, 281, 287, 299, 305];
    for (let flags = 0; flags < 64; flags++) {
      const relay = (flags & ENTRY_FLAG.relayed ? 22 : 0) + (flags & ENTRY_FLAG.notRelayed ? 1 : 0);
      assert.equal(entryLength(flags), lengths[flags & 7]! + relay);
    }
    assert.equal(entryLength(64), undefined);
    assert.equal(entryLength(undefined), undefined);
  });

  it('entries with any flags survive encoding and decoding, as many as fit (property)', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(63), { maxLength: 40, size: 'max' }), (all) => {
        writer.beginAnswer(7);
        const kept = all.filter((flags) => writeEntry(flags));
        const frame = decodeSealedFrame(bytesOf(writer));
        assert.ok(frame?.kind === FRAME.peers);
        assert.deepEqual(frame.entries.map(flagsOf), kept);
      }),
    );
  });
});

function writeEntry(flags: number): boolean {
  if (!writer.fits(entryLength(flags) as number)) {
    return false;
  }
  writer.addEntry(A, 0, flags);
  if (flags & ENTRY_FLAG.ipv4) {
    writer.putEndpoint(addressBytes(IPV4.address), 0, 4, IPV4.port);
  }
  if (flags & ENTRY_FLAG.ipv6) {
    writer.putEndpoint(addressBytes(IPV6.address), 0, 6, IPV6.port);
  }
  if (flags & ENTRY_FLAG.candidates) {
    writer.putCandidates(SEALED);
  }
  if (flags & ENTRY_FLAG.relayed) {
    writer.putRelay(49_920, RELAY);
  }
  if (flags & ENTRY_FLAG.notRelayed) {
    writer.putRefusal(RELAY_REFUSAL.full);
  }
  return true;
}

function flagsOf(entry: PeerEntry): number {
  return (
    (entry.ipv4 ? ENTRY_FLAG.ipv4 : 0) |
    (entry.ipv6 ? ENTRY_FLAG.ipv6 : 0) |
    (entry.candidates ? ENTRY_FLAG.candidates : 0) |
    (entry.notKept ? ENTRY_FLAG.notKept : 0) |
    (entry.relay ? ENTRY_FLAG.relayed : 0) |
    (entry.relayRefusal ? ENTRY_FLAG.notRelayed : 0)
  );
}
