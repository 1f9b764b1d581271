/** IANA protocol number of UDP. */
export const PROTOCOL_UDP = 17;

/** Bytes of an IPv4 header without options (RFC 791 section 3.1). */
export const IPV4_HEADER_LENGTH = 20;

const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET = 0x1fff;

/** An IPv4 header; lengths in bytes. */
export interface Ipv4Header {
  /** IHL times four: 20..60, options included. */
  readonly headerLength: number;
  /** Header and payload. */
  readonly totalLength: number;
  /** What is left of the sender's TTL. */
  readonly ttl: number;
  readonly protocol: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** One piece of a larger packet: more fragments follow, or this is not the first. */
  readonly fragment: boolean;
}

/** Decodes the IPv4 header at the start of a packet; undefined when it is not a whole IPv4 packet. */
export function decodeIpv4(packet: Uint8Array): Ipv4Header | undefined {
  if (packet.length < IPV4_HEADER_LENGTH || (packet[0] as number) >> 4 !== 4) {
    return undefined;
  }
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const headerLength = ((packet[0] as number) & 0xf) * 4;
  const totalLength = view.getUint16(2);
  if (headerLength < IPV4_HEADER_LENGTH || totalLength < headerLength) {
    return undefined;
  }
  if (totalLength > packet.length) {
    return undefined;
  }
  return {
    headerLength,
    totalLength,
    ttl: packet[8] as number,
    protocol: packet[9] as number,
    source: packet.subarray(12, 16),
    destination: packet.subarray(16, 20),
    fragment: (view.getUint16(6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) !== 0,
  };
}
