import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32 } from '../../src/wire/crc32.js';
import { addressBytes, endpoint } from '../../src/wire/endpoint.js';
import {
  encodeStunRequest,
  isStunRequest,
  readStunRequest,
  STUN_ATTRIBUTE,
  STUN_TYPE,
  type StunAddress,
  StunResponseWriter,
} from '../../src/wire/stun.js';
import { decodeStunResponse, STUN_RESPONSE_LENGTHS } from '../../src/wire/stun-response.js';
import { hex, testHostileBytes } from './codec.js';

const TRANSACTION = 'b7e7a701bc34d686fa87dfae';

/** RFC 5769, 2.1: a request of ICE, with SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME and FINGERPRINT. */
const SAMPLE_REQUEST = hex(`
  00010058 2112a442 ${TRANSACTION}
  80220010 5354554e207465737420636c69656e74
  00240004 6e0001ff
  80290008 932ff9b151263b36
  00060009 6576746a3a68367659202020
  00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
  80280004 e57a3bcf`);

/** RFC 5769, 2.2 and 2.3. */
const SAMPLE_RESPONSE = {
  4: hex(`
    0101003c 2112a442 ${TRANSACTION}
    8022000b 7465737420766563746f7220
    00200008 0001a147e112a643
    00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
    80280004 c07d4c96`),
  6: hex(`
    01010048 2112a442 ${TRANSACTION}
    8022000b 7465737420766563746f7220
    00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9
    00080014 a382954e4be67bf11784c97c8292c275bfe3ed41
    80280004 c8fb0b4c`),
};

const IPV4 = address('192.0.2.1', 32853);
const IPV6 = address('2001:db8:1234:5678:11:2233:4455:6677', 32853);
const PLAIN_REQUEST = hex(`00010000 2112a442 ${TRANSACTION}`);

function address(text: string, port: number): StunAddress {
  const { family } = endpoint(text, port);
  return { bytes: addressBytes(text), at: 0, family, port };
}

function read(bytes: Uint8Array, isClassicToo = true) {
  return isStunRequest(bytes, 0, bytes.length, isClassicToo)
    ? readStunRequest(bytes, 0, bytes.length)
    : undefined;
}

/** A response to PLAIN_REQUEST. */
function respond(
  type: number,
  write: (writer: StunResponseWriter) => void,
  hasFingerprint = false,
) {
  const bytes = new Uint8Array(200).fill(0xee);
  bytes.set(PLAIN_REQUEST);
  const writer = new StunResponseWriter().begin(bytes, 0, type);
  write(writer);
  return bytes.slice(0, writer.finish(hasFingerprint));
}

test('CRC-32: the check value of its catalogue', () => {
  assert.equal(crc32(Buffer.from('-123456789'), 1, 9), 0xcbf43926);
});

test('STUN: RFC 5769, sample request', () => {
  assert.deepEqual(read(SAMPLE_REQUEST), {
    isClassic: false,
    change: undefined,
    responsePort: undefined,
    hasFingerprint: true,
    unknown: [0x24],
  });
});

for (const [family, { bytes, port }] of [[4, IPV4] as const, [6, IPV6] as const]) {
  test(`STUN: RFC 5769, sample IPv${family} response`, () => {
    const decoded = decodeStunResponse(SAMPLE_RESPONSE[family]);
    assert.deepEqual(decoded?.transaction, hex(TRANSACTION));
    assert.deepEqual(addressBytes(decoded?.mapped?.address ?? ''), bytes);
    assert.equal(decoded?.mapped?.port, port);
    assert.equal(decoded?.errorCode, undefined);
  });
}

test('STUN: exact bytes of a request', () => {
  assert.deepEqual(encodeStunRequest(hex(TRANSACTION)), PLAIN_REQUEST);
  assert.throws(() => encodeStunRequest(new Uint8Array(11)), RangeError);
});

test('STUN: exact bytes of a response with its address XORed, and a FINGERPRINT', () => {
  const plain = respond(STUN_TYPE.success, (it) => it.xorMappedAddress(IPV4));
  assert.deepEqual(plain, hex(`0101000c 2112a442 ${TRANSACTION} 00200008 0001a147e112a643`));
  const ipv6 = respond(STUN_TYPE.success, (it) => it.xorMappedAddress(IPV6), true);
  const end = ipv6.subarray(-8);
  assert.deepEqual(
    ipv6.subarray(0, -8),
    hex(`01010020 2112a442 ${TRANSACTION} 00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9`),
  );
  assert.deepEqual(end.subarray(0, 4), hex('80280004'));
  assert.equal(decodeStunResponse(ipv6)?.mapped?.port, 32853);
  const other = Uint8Array.from(ipv6, (byte, i) => (i === ipv6.length - 1 ? byte ^ 1 : byte));
  assert.equal(decodeStunResponse(other), undefined, 'a wrong FINGERPRINT');
});

test('STUN: exact bytes of 420 with the attributes that are unknown', () => {
  const error = respond(STUN_TYPE.error, (it) => it.unknownAttributes([0x24, 0x27, 0x7fff]));
  assert.deepEqual(
    error,
    hex(`01110014 2112a442 ${TRANSACTION} 00090004 00000414 000a0006 002400277fff0000`),
  );
  assert.equal(decodeStunResponse(error)?.errorCode, 420);
});

test('STUN: a response with origin and other address, and one with MAPPED-ADDRESS only', () => {
  const full = respond(STUN_TYPE.success, (it) =>
    it
      .xorMappedAddress(IPV4)
      .address(STUN_ATTRIBUTE.responseOrigin, address('192.0.2.7', 3478))
      .address(STUN_ATTRIBUTE.otherAddress, address('192.0.2.8', 3479)),
  );
  const { origin, other, mapped } = decodeStunResponse(full) ?? {};
  assert.deepEqual(origin, endpoint('192.0.2.7', 3478));
  assert.deepEqual(other, endpoint('192.0.2.8', 3479));
  assert.deepEqual(mapped, endpoint('192.0.2.1', 32853));
  const old = respond(STUN_TYPE.success, (it) => it.address(STUN_ATTRIBUTE.mappedAddress, IPV6));
  assert.deepEqual(decodeStunResponse(old)?.mapped?.port, 32853);
});

test('STUN: CHANGE-REQUEST', () => {
  const asking = (flags: string) => hex(`00010008 2112a442 ${TRANSACTION} 00030004 000000${flags}`);
  assert.deepEqual(read(asking('06'))?.change, { address: true, port: true });
  assert.deepEqual(read(asking('02'))?.change, { address: false, port: true });
  assert.deepEqual(read(asking('00'))?.change, { address: false, port: false });
  assert.equal(read(hex(`0001000c 2112a442 ${TRANSACTION} 00030008 0000000000000000`)), undefined);
});

test('STUN: RESPONSE-PORT', () => {
  const asking = (value: string) =>
    read(hex(`00010008 2112a442 ${TRANSACTION} 0027${value}`))?.responsePort;
  assert.equal(asking('0004ec520000'), 0xec52);
  assert.equal(asking('0002ec520000'), 0xec52);
  assert.equal(asking('000400000000'), undefined, 'port 0');
  assert.equal(asking('0003ec520000'), undefined);
});

test('STUN: without magic cookie a request is of RFC 3489, and only where that is asked for', () => {
  const old = hex(`00010000 00112233 ${TRANSACTION}`);
  assert.equal(read(old)?.isClassic, true);
  assert.equal(read(old, false), undefined);
});

test('STUN: what is no request, or malformed', () => {
  const cases: Record<string, string> = {
    'an indication': `00110000 2112a442 ${TRANSACTION}`,
    'a response': `01010000 2112a442 ${TRANSACTION}`,
    'a length that is too short': `00010000 2112a442 ${TRANSACTION} 80220000`,
    'a length that is too long': `00010008 2112a442 ${TRANSACTION} 80220000`,
    'a length that is no multiple of four': `00010002 2112a442 ${TRANSACTION} 8022`,
    'an attribute that exceeds it': `00010004 2112a442 ${TRANSACTION} 80220001`,
    'an attribute behind FINGERPRINT': `0001000c 2112a442 ${TRANSACTION} 80280004 00000000 80220000`,
    'a wrong FINGERPRINT': `00010008 2112a442 ${TRANSACTION} 80280004 00000000`,
  };
  for (const [name, bytes] of Object.entries(cases)) {
    assert.equal(read(hex(bytes)), undefined, name);
  }
});

test('STUN: a response of another method or without an address, or with an unknown required attribute', () => {
  const cases: Record<string, string> = {
    'no address': `01010000 2112a442 ${TRANSACTION}`,
    'of an unknown family': `0101000c 2112a442 ${TRANSACTION} 00200008 0003a147e112a643`,
    'cut short': `01010008 2112a442 ${TRANSACTION} 00200004 0001a147`,
    'an unknown attribute': `01010010 2112a442 ${TRANSACTION} 00200008 0001a147e112a643 7fff0000`,
    'an error without a code': `01110000 2112a442 ${TRANSACTION}`,
    'without cookie': `0101000c 00000000 ${TRANSACTION} 00200008 0001a147e112a643`,
    'another method': `0103000c 2112a442 ${TRANSACTION} 00200008 0001a147e112a643`,
  };
  for (const [name, bytes] of Object.entries(cases)) {
    assert.equal(decodeStunResponse(hex(bytes)), undefined, name);
  }
});

testHostileBytes('STUN request', read, SAMPLE_REQUEST);
testHostileBytes('STUN response over IPv4', decodeStunResponse, SAMPLE_RESPONSE[4]);
testHostileBytes('STUN response over IPv6', decodeStunResponse, SAMPLE_RESPONSE[6]);

test('STUN: random attributes never throw, and a request is read within its bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300, size: 'max' }), fc.boolean(), (tail, isRequest) => {
      const body = tail.subarray(0, tail.length - (tail.length % 4));
      const bytes = new Uint8Array(20 + body.length);
      bytes.set(PLAIN_REQUEST);
      bytes.set(body, 20);
      bytes[0] = isRequest ? 0 : 1;
      bytes[2] = body.length >>> 8;
      bytes[3] = body.length;
      read(bytes);
      decodeStunResponse(bytes);
    }),
  );
});

test('STUN: WireGuard takes no message for its own, whatever its length', () => {
  for (const type of Object.values(STUN_TYPE)) {
    for (let length = 0; length <= 0xffff; length++) {
      const message = Buffer.alloc(4);
      message.writeUInt16BE(type, 0);
      message.writeUInt16BE(length, 2);
      const word = message.readUInt32LE(0);
      assert.ok(word < 1 || word > 4, `type ${type}, length ${length}`);
    }
  }
});

test('STUN: all lengths of responses fit a BPF program, whose jumps reach 255 instructions', () => {
  assert.ok(STUN_RESPONSE_LENGTHS.length < 250);
  assert.equal(STUN_RESPONSE_LENGTHS[0], 20);
  assert.ok(STUN_RESPONSE_LENGTHS.every((length) => length % 4 === 0));
});
