import { internetChecksum } from '../../src/wire/checksum.js';
import { IPV4_HEADER_LENGTH, PROTOCOL_UDP } from '../../src/wire/ip.js';

/** Bytes of the fixed IPv6 header (RFC 8200 section 3). */
export const IPV6_HEADER_LENGTH = 40;

const MAX_IPV4_OPTIONS = 40;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const DEFAULT_TTL = 64;

/** The fields of an IPv4 packet for encodeIpv4. */
export interface Ipv4Fields {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol?: number;
  readonly payload: Uint8Array;
  /** A multiple of 4 bytes, at most 40. */
  readonly options?: Uint8Array;
  readonly identification?: number;
  readonly moreFragments?: boolean;
  /** In units of 8 bytes. */
  readonly fragmentOffset?: number;
}

/** An IPv6 header; extension headers are not followed. */
export interface Ipv6Header {
  readonly payloadLength: number;
  readonly nextHeader: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/** Encodes a whole IPv4 packet with its header checksum. Throws a RangeError on unusable options. */
export function encodeIpv4(fields: Ipv4Fields): Uint8Array {
  const options = fields.options ?? new Uint8Array(0);
  if (options.length % 4 !== 0 || options.length > MAX_IPV4_OPTIONS) {
    throw new RangeError(`IPv4 options are 0, 4, .. 40 bytes, got ${options.length}`);
  }
  const headerLength = IPV4_HEADER_LENGTH + options.length;
  const packet = new Uint8Array(headerLength + fields.payload.length);
  const view = new DataView(packet.buffer);
  packet[0] = 0x40 | (headerLength / 4);
  view.setUint16(2, packet.length);
  view.setUint16(4, fields.identification ?? 0);
  view.setUint16(6, fragmentField(fields));
  packet[8] = DEFAULT_TTL;
  packet[9] = fields.protocol ?? PROTOCOL_UDP;
  packet.set(fields.source, 12);
  packet.set(fields.destination, 16);
  packet.set(options, IPV4_HEADER_LENGTH);
  view.setUint16(10, internetChecksum(packet.subarray(0, headerLength)));
  packet.set(fields.payload, headerLength);
  return packet;
}

/** Decodes the fixed IPv6 header; undefined when it is not a whole IPv6 packet. */
export function decodeIpv6(packet: Uint8Array): Ipv6Header | undefined {
  if (packet.length < IPV6_HEADER_LENGTH || (packet[0] as number) >> 4 !== 6) {
    return undefined;
  }
  const payloadLength = new DataView(packet.buffer, packet.byteOffset).getUint16(4);
  if (IPV6_HEADER_LENGTH + payloadLength > packet.length) {
    return undefined;
  }
  return {
    payloadLength,
    nextHeader: packet[6] as number,
    source: packet.subarray(8, 24),
    destination: packet.subarray(24, 40),
  };
}

/** Encodes a whole IPv6 packet around a payload. */
export function encodeIpv6(fields: {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly nextHeader?: number;
  readonly payload: Uint8Array;
}): Uint8Array {
  const packet = new Uint8Array(IPV6_HEADER_LENGTH + fields.payload.length);
  packet[0] = 0x60;
  new DataView(packet.buffer).setUint16(4, fields.payload.length);
  packet[6] = fields.nextHeader ?? PROTOCOL_UDP;
  packet[7] = DEFAULT_TTL;
  packet.set(fields.source, 8);
  packet.set(fields.destination, 24);
  packet.set(fields.payload, IPV6_HEADER_LENGTH);
  return packet;
}

function fragmentField(fields: Ipv4Fields): number {
  const offset = fields.fragmentOffset ?? 0;
  if (fields.moreFragments) {
    return MORE_FRAGMENTS | offset;
  }
  return offset === 0 ? DONT_FRAGMENT : offset;
}
