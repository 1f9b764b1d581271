import { type PacketRule, sourcesOf } from '../wire/bpf.js';
import { decodeIpv4 } from '../wire/ip.js';
import { decodeUdp } from '../wire/udp.js';

/** Why a packet is not accepted. */
export type PacketRefusal =
  | 'foreignAddress'
  | 'foreignPort'
  | 'badLength'
  | 'foreignContent'
  | 'fragment'
  | 'malformed';

/** An accepted datagram. */
export interface Received {
  /** A view of the packet. */
  readonly payload: Uint8Array;
  readonly sourcePort: number;
  /** What is left of the sender's TTL; undefined over IPv6, whose header a raw socket does not see. */
  readonly ttl: number | undefined;
}

/** A packet as a raw socket gives it. */
export interface RawPacket {
  /** IPv4: from the IP header on; IPv6: from the UDP header on. */
  readonly bytes: Uint8Array;
  /** 4 or 16 bytes. */
  readonly source: Uint8Array;
  /** Put together from fragments by the kernel. */
  readonly fragmented: boolean;
}

/**
 * The datagram in a packet that fits the rule, or why it does not. The filter of the kernel has accepted it
 * already; this does not rely on it, because a packet can be older than the filter.
 */
export function checkPacket(packet: RawPacket, rule: PacketRule): Received | PacketRefusal {
  const body =
    rule.family === 4 ? ipv4Body(packet.bytes) : { ...packet, fragment: false, ttl: undefined };
  if (body === undefined) {
    return 'malformed';
  }
  if (packet.fragmented || body.fragment) {
    return 'fragment';
  }
  const sources = sourcesOf(rule)?.filter(({ address }) => sameBytes(body.source, address));
  if (sources?.length === 0) {
    return 'foreignAddress';
  }
  const udp = decodeUdp(body.bytes);
  if (udp === undefined) {
    return 'malformed';
  }
  const { sourcePort, destinationPort, payload } = udp;
  const isPort = sources?.some(({ port }) => port === sourcePort) ?? true;
  if (!isPort || destinationPort !== rule.listenPort) {
    return 'foreignPort';
  }
  if (!rule.payloadLengths.includes(payload.length)) {
    return 'badLength';
  }
  return hasFirstWord(payload, rule.firstWord)
    ? { payload, sourcePort, ttl: body.ttl }
    : 'foreignContent';
}

function hasFirstWord(payload: Uint8Array, word: number | undefined): boolean {
  if (word === undefined) {
    return true;
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return payload.length >= 4 && view.getUint32(0) === word;
}

/** The UDP datagram behind an IPv4 header, whose length, options and all, is in IHL. */
function ipv4Body(packet: Uint8Array) {
  const header = decodeIpv4(packet);
  return (
    header && {
      bytes: packet.subarray(header.headerLength, header.totalLength),
      source: header.source,
      fragment: header.fragment,
      ttl: header.ttl,
    }
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
