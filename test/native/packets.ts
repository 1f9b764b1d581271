import { addressBytes, type Endpoint } from '../../src/wire/endpoint.js';
import { encodeUdp, udpChecksum } from '../../src/wire/udp.js';
import { encodeIpv4, encodeIpv6 } from '../wire/ip-packets.js';

/** A kind of packet: what differs from a reply. */
export interface PacketFields {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly payload: Uint8Array;
  /** IPv4 options. */
  readonly options?: Uint8Array;
}

/** IPv6 Fragment extension header (RFC 8200 section 4.5). */
const NEXT_HEADER_FRAGMENT = 44;
const NEXT_HEADER_UDP = 17;

/** Fragments are cut here: behind the UDP header, and at a multiple of 8 as they have to be. */
const CUT = 8;

let identification = 1;

/** A UDP datagram with its checksum. */
export function datagram({ from, to, payload }: PacketFields): Uint8Array {
  const ports = { sourcePort: from.port, destinationPort: to.port, payload };
  const source = addressBytes(from.address);
  const checksum = udpChecksum(source, addressBytes(to.address), encodeUdp(ports));
  return encodeUdp({ ...ports, checksum });
}

/** A whole packet with its IP header. */
export function packet(fields: PacketFields): Uint8Array {
  const source = addressBytes(fields.from.address);
  const destination = addressBytes(fields.to.address);
  const payload = datagram(fields);
  return fields.from.family === 4
    ? encodeIpv4({
        source,
        destination,
        payload,
        ...(fields.options && { options: fields.options }),
      })
    : encodeIpv6({ source, destination, payload });
}

/** The same packet in two fragments. */
export function fragments(fields: PacketFields): Uint8Array[] {
  const source = addressBytes(fields.from.address);
  const destination = addressBytes(fields.to.address);
  const whole = datagram(fields);
  const id = identification++ & 0xffff;
  if (fields.from.family === 4) {
    const common = { source, destination, identification: id };
    return [
      encodeIpv4({ ...common, payload: whole.subarray(0, CUT), moreFragments: true }),
      encodeIpv4({ ...common, payload: whole.subarray(CUT), fragmentOffset: CUT / 8 }),
    ];
  }
  const piece = (offset: number, more: number, bytes: Uint8Array) => {
    const payload = new Uint8Array(8 + bytes.length);
    const view = new DataView(payload.buffer);
    payload[0] = NEXT_HEADER_UDP;
    view.setUint16(2, offset | more);
    view.setUint32(4, id);
    payload.set(bytes, 8);
    return encodeIpv6({ source, destination, payload, nextHeader: NEXT_HEADER_FRAGMENT });
  };
  return [piece(0, 1, whole.subarray(0, CUT)), piece(CUT, 0, whole.subarray(CUT))];
}
