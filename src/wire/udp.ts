import { internetChecksum } from './checksum.js';
import { PROTOCOL_UDP } from './ip.js';

/** Bytes of a UDP header (RFC 768). */
export const UDP_HEADER_LENGTH = 8;

/** A decoded UDP datagram; the payload is a view of the bytes it was decoded from. */
export interface UdpDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Header and payload in bytes, as the header says. */
  readonly length: number;
  /** 0 = the sender made none (IPv4 only). */
  readonly checksum: number;
  readonly payload: Uint8Array;
}

/** Decodes a datagram; undefined when it is cut short or its length field is not possible. */
export function decodeUdp(bytes: Uint8Array): UdpDatagram | undefined {
  if (bytes.length < UDP_HEADER_LENGTH) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint16(4);
  if (length < UDP_HEADER_LENGTH || length > bytes.length) {
    return undefined;
  }
  return {
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    length,
    checksum: view.getUint16(6),
    payload: bytes.subarray(UDP_HEADER_LENGTH, length),
  };
}

/** Encodes header and payload; the checksum is 0 ("none") unless given. */
export function encodeUdp(fields: {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
  readonly checksum?: number;
}): Uint8Array {
  const bytes = new Uint8Array(UDP_HEADER_LENGTH + fields.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, fields.sourcePort);
  view.setUint16(2, fields.destinationPort);
  view.setUint16(4, bytes.length);
  view.setUint16(6, fields.checksum ?? 0);
  bytes.set(fields.payload, UDP_HEADER_LENGTH);
  return bytes;
}

/**
 * The checksum of an encoded datagram whose checksum field is 0, over the pseudo header of
 * RFC 768 (IPv4) or RFC 8200 section 8.1 (IPv6). Never 0: that value means "none".
 */
export function udpChecksum(
  source: Uint8Array,
  destination: Uint8Array,
  datagram: Uint8Array,
): number {
  const pseudo = source.length === 4 ? new Uint8Array(4) : new Uint8Array(8);
  const view = new DataView(pseudo.buffer);
  if (source.length === 4) {
    view.setUint16(0, PROTOCOL_UDP);
    view.setUint16(2, datagram.length);
  } else {
    view.setUint32(0, datagram.length);
    view.setUint32(4, PROTOCOL_UDP);
  }
  return internetChecksum(source, destination, pseudo, datagram) || 0xffff;
}
