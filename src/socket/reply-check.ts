import type { Family } from '../wire/endpoint.js';
import { decodeIpv4 } from '../wire/ip.js';
import { decodeUdp } from '../wire/udp.js';

/** Why a packet is not a reply. */
export type ReplyRefusal =
  | 'foreignAddress'
  | 'foreignPort'
  | 'badLength'
  | 'fragment'
  | 'malformed';

/** What a reply has to look like; the same as the filter's, decided a second time. */
export interface ReplyRule {
  readonly family: Family;
  /** 4 or 16 bytes. */
  readonly serverAddress: Uint8Array;
  readonly serverPort: number;
  readonly listenPort: number;
  readonly payloadLengths: readonly number[];
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
 * The UDP payload of a reply, as a view of the packet, or why it is none. The filter of the kernel has
 * let it pass already; this does not rely on it, because a packet can be older than the filter.
 */
export function checkReply(packet: RawPacket, rule: ReplyRule): Uint8Array | ReplyRefusal {
  const body = rule.family === 4 ? ipv4Body(packet.bytes) : { ...packet, fragment: false };
  if (body === undefined) {
    return 'malformed';
  }
  if (packet.fragmented || body.fragment) {
    return 'fragment';
  }
  if (!sameBytes(body.source, rule.serverAddress)) {
    return 'foreignAddress';
  }
  const udp = decodeUdp(body.bytes);
  if (udp === undefined) {
    return 'malformed';
  }
  if (udp.sourcePort !== rule.serverPort || udp.destinationPort !== rule.listenPort) {
    return 'foreignPort';
  }
  return rule.payloadLengths.includes(udp.payload.length) ? udp.payload : 'badLength';
}

/** The UDP datagram behind an IPv4 header, whose length, options and all, is in IHL. */
function ipv4Body(packet: Uint8Array) {
  const header = decodeIpv4(packet);
  return (
    header && {
      bytes: packet.subarray(header.headerLength, header.totalLength),
      source: header.source,
      fragment: header.fragment,
    }
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
