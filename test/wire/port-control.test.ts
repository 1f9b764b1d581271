import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  decodePcpAnnounceReply,
  decodePcpMapReply,
  decodePmpAddressReply,
  decodePmpMapReply,
  encodePcpAnnounceRequest,
  encodePcpMapRequest,
  encodePmpAddressRequest,
  encodePmpMapRequest,
} from '../../src/wire/port-control.js';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
const NONCE = hex('0102030405060708090a0b0c');
const PORT = 51_820; // ca6c

/** RFC 6887, figures 2, 3 and 9: version, opcode, reserved, result, lifetime, epoch, 12 reserved; then MAP. */
const PCP_REPLY = hex(`02 81 00 00 00000e10 00000064 000000000000000000000000
  0102030405060708090a0b0c 11 000000 ca6c ca6d 00000000000000000000ffff cb007105`);
const PMP_ADDRESS = hex('00 80 0000 00000064 cb007105');
const PMP_MAP = hex('00 81 0000 00000064 ca6c ca6d 00000e10');

describe('NAT-PMP', () => {
  it('encodes requests (RFC 6886, 3.2 and 3.3)', () => {
    assert.deepEqual(encodePmpAddressRequest(), hex('0000'));
    assert.deepEqual(encodePmpMapRequest(PORT, 3600), hex('0001 0000 ca6c ca6c 00000e10'));
    assert.deepEqual(encodePmpMapRequest(PORT, 0), hex('0001 0000 ca6c 0000 00000000'));
  });

  it('decodes replies', () => {
    assert.deepEqual(decodePmpAddressReply(PMP_ADDRESS), { address: '203.0.113.5' });
    assert.deepEqual(decodePmpAddressReply(hex('0080 0003 00000064')), { refusal: 3 });
    assert.deepEqual(decodePmpMapReply(PMP_MAP, PORT), {
      address: undefined,
      port: 51_821,
      lifetimeSeconds: 3600,
    });
    assert.deepEqual(decodePmpMapReply(hex('0081 0002 00000064'), PORT), { refusal: 2 });
    assert.equal(decodePmpMapReply(PMP_MAP, PORT + 1), undefined);
  });
});

describe('PCP', () => {
  const request = { client: '192.168.1.2', nonce: NONCE, port: PORT, lifetimeSeconds: 3600 };

  it('encodes a MAP request (RFC 6887, 7.1 and 11.1)', () => {
    const expected = `02 01 0000 00000e10 00000000000000000000ffffc0a80102
      0102030405060708090a0b0c 11 000000 ca6c ca6c 00000000000000000000ffff00000000`;
    assert.deepEqual(encodePcpMapRequest(request), hex(expected));
  });

  it('decodes a reply to its own request only', () => {
    const granted = { address: '203.0.113.5', port: 51_821, lifetimeSeconds: 3600 };
    assert.deepEqual(decodePcpMapReply(PCP_REPLY, request), granted);
    assert.equal(decodePcpMapReply(PCP_REPLY, { ...request, port: 1 }), undefined);
    const other = { ...request, nonce: NONCE.map((byte) => byte ^ 1) };
    assert.equal(decodePcpMapReply(PCP_REPLY, other), undefined);
    const refused = PCP_REPLY.slice();
    refused[3] = 2;
    assert.deepEqual(decodePcpMapReply(refused, request), { refusal: 2 });
  });

  it('asks whether a router speaks it by ANNOUNCE (RFC 6887, 14.1)', () => {
    const expected = '02 00 0000 00000000 00000000000000000000ffffc0a80102';
    assert.deepEqual(encodePcpAnnounceRequest(request.client), hex(expected));
    const reply = hex(`02 80 00 00 00000000 00000064 ${'00'.repeat(12)}`);
    assert.equal(decodePcpAnnounceReply(reply), true);
    assert.equal(decodePcpAnnounceReply(hex('0080 0001 00000064')), false, 'NAT-PMP only');
    reply[3] = 1;
    assert.equal(decodePcpAnnounceReply(reply), false, 'another version');
    reply[1] = 0x81;
    assert.equal(decodePcpAnnounceReply(reply), undefined, 'a reply to MAP');
    for (let length = 0; length < reply.length; length++) {
      assert.equal(decodePcpAnnounceReply(reply.slice(0, length)), undefined);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        decodePcpAnnounceReply(bytes);
      }),
    );
  });

  it('takes no truncated or random bytes for a mapping, and never throws', () => {
    for (const [reply, decode] of [
      [PCP_REPLY, (bytes: Uint8Array) => decodePcpMapReply(bytes, request)],
      [PMP_MAP, (bytes: Uint8Array) => decodePmpMapReply(bytes, PORT)],
      [PMP_ADDRESS, decodePmpAddressReply],
    ] as const) {
      for (let length = 0; length < reply.length; length++) {
        assert.equal(decode(reply.slice(0, length)), undefined);
      }
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
          decode(bytes);
        }),
      );
    }
  });
});
