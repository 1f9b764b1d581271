import { ADDRESS_LENGTH, addressBytes, formatAddress } from './endpoint.js';
import { PROTOCOL_UDP } from './ip.js';

/*
 * NAT-PMP (RFC 6886) and PCP (RFC 6887), as far as mapping a UDP port over IPv4 needs them. Both use UDP port
 * 5351 of the default gateway.
 */

export const PORT_CONTROL_PORT = 5351;

/** Bytes of a PCP mapping nonce. */
export const PCP_NONCE_LENGTH = 12;

/** A mapping that a gateway granted. */
export interface GrantedMapping {
  /** The outside address; undefined if the message does not contain it. */
  readonly address: string | undefined;
  readonly port: number;
  /** 0: the mapping is deleted. */
  readonly lifetimeSeconds: number;
}

/** What a gateway answered: a mapping, or the number by which it refuses. */
export type MappingReply = GrantedMapping | { readonly refusal: number };

const PMP = { version: 0, address: 0, mapUdp: 1, reply: 128 } as const;
const PMP_ADDRESS_REPLY_LENGTH = 12;
const PMP_MAP_REPLY_LENGTH = 16;

const PCP = { version: 2, announce: 0, map: 1, reply: 0x80, unsupportedVersion: 1 } as const;
const PCP_HEADER_LENGTH = 24;
const PCP_MAP_LENGTH = 60;
const PCP_AT = {
  version: 0,
  opcode: 1,
  result: 3,
  lifetime: 4,
  client: 8,
  nonce: 24,
  protocol: 36,
  internalPort: 40,
  externalPort: 42,
  externalAddress: 44,
} as const;

/** NAT-PMP's question for the outside address (section 3.2). */
export function encodePmpAddressRequest(): Uint8Array {
  return Uint8Array.of(PMP.version, PMP.address);
}

/** The outside address in a NAT-PMP reply, or its refusal; undefined if the bytes are not one. */
export function decodePmpAddressReply(
  bytes: Uint8Array,
): { readonly address: string } | { readonly refusal: number } | undefined {
  if (bytes.length < 4 || bytes[0] !== PMP.version || bytes[1] !== PMP.reply + PMP.address) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const refusal = view.getUint16(2);
  if (refusal !== 0) {
    return { refusal };
  }
  return bytes.length === PMP_ADDRESS_REPLY_LENGTH
    ? { address: formatAddress(bytes.subarray(8, 12)) }
    : undefined;
}

/** NAT-PMP's request to map a UDP port (section 3.3); a lifetime of 0 deletes. */
export function encodePmpMapRequest(port: number, lifetimeSeconds: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  bytes[1] = PMP.mapUdp;
  view.setUint16(4, port);
  view.setUint16(6, lifetimeSeconds === 0 ? 0 : port);
  view.setUint32(8, lifetimeSeconds);
  return bytes;
}

/** The mapping of an inside port in a NAT-PMP reply; undefined if the bytes are not one. */
export function decodePmpMapReply(bytes: Uint8Array, port: number): MappingReply | undefined {
  if (bytes.length < 4 || bytes[0] !== PMP.version || bytes[1] !== PMP.reply + PMP.mapUdp) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const refusal = view.getUint16(2);
  if (refusal !== 0) {
    return { refusal };
  }
  if (bytes.length !== PMP_MAP_REPLY_LENGTH || view.getUint16(8) !== port) {
    return undefined;
  }
  const granted = { port: view.getUint16(10), lifetimeSeconds: view.getUint32(12) };
  return { address: undefined, ...granted };
}

/** PCP's ANNOUNCE request (section 14.1), by which a router that speaks PCP answers and changes nothing. */
export function encodePcpAnnounceRequest(client: string): Uint8Array {
  const bytes = new Uint8Array(PCP_HEADER_LENGTH);
  bytes[PCP_AT.version] = PCP.version;
  bytes[PCP_AT.opcode] = PCP.announce;
  bytes.set(mapped(addressBytes(client)), PCP_AT.client);
  return bytes;
}

/** Whether a router speaks PCP, by its reply to ANNOUNCE; undefined if the bytes are no such reply. */
export function decodePcpAnnounceReply(bytes: Uint8Array): boolean | undefined {
  if (bytes.length < 4) {
    return undefined;
  }
  // One that speaks NAT-PMP only answers in its own version (RFC 6887, appendix A).
  if (bytes[PCP_AT.version] === PMP.version) {
    return false;
  }
  const isReply =
    bytes.length >= PCP_HEADER_LENGTH &&
    bytes[PCP_AT.version] === PCP.version &&
    bytes[PCP_AT.opcode] === PCP.reply + PCP.announce;
  return isReply ? bytes[PCP_AT.result] !== PCP.unsupportedVersion : undefined;
}

export interface PcpMapRequest {
  /** This host's IPv4 address, from which the request is sent. */
  readonly client: string;
  readonly nonce: Uint8Array;
  readonly port: number;
  readonly lifetimeSeconds: number;
}

/** PCP's MAP request for a UDP port (section 11.1); a lifetime of 0 deletes. */
export function encodePcpMapRequest(request: PcpMapRequest): Uint8Array {
  const { client, nonce, port, lifetimeSeconds } = request;
  const bytes = new Uint8Array(PCP_MAP_LENGTH);
  const view = new DataView(bytes.buffer);
  bytes[PCP_AT.version] = PCP.version;
  bytes[PCP_AT.opcode] = PCP.map;
  view.setUint32(PCP_AT.lifetime, lifetimeSeconds);
  bytes.set(mapped(addressBytes(client)), PCP_AT.client);
  bytes.set(nonce.subarray(0, PCP_NONCE_LENGTH), PCP_AT.nonce);
  bytes[PCP_AT.protocol] = PROTOCOL_UDP;
  view.setUint16(PCP_AT.internalPort, port);
  view.setUint16(PCP_AT.externalPort, lifetimeSeconds === 0 ? 0 : port);
  bytes.set(mapped(new Uint8Array(ADDRESS_LENGTH[4])), PCP_AT.externalAddress);
  return bytes;
}

/** The mapping in the reply to a MAP request; undefined if the bytes are not one. */
export function decodePcpMapReply(
  bytes: Uint8Array,
  { nonce, port }: Pick<PcpMapRequest, 'nonce' | 'port'>,
): MappingReply | undefined {
  if (
    bytes.length < PCP_HEADER_LENGTH ||
    bytes[1] !== PCP.reply + PCP.map ||
    bytes[0] !== PCP.version
  ) {
    return undefined;
  }
  const refusal = bytes[PCP_AT.result] as number;
  if (refusal !== 0) {
    return { refusal };
  }
  if (bytes.length < PCP_MAP_LENGTH) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isOurs =
    nonce.every((byte, i) => byte === bytes[PCP_AT.nonce + i]) &&
    bytes[PCP_AT.protocol] === PROTOCOL_UDP &&
    view.getUint16(PCP_AT.internalPort) === port;
  const address = bytes.subarray(PCP_AT.externalAddress, PCP_AT.externalAddress + 16);
  if (!isOurs || !MAPPED_PREFIX.every((byte, i) => byte === address[i])) {
    return undefined;
  }
  return {
    address: formatAddress(address.subarray(MAPPED_PREFIX.length)),
    port: view.getUint16(PCP_AT.externalPort),
    lifetimeSeconds: view.getUint32(PCP_AT.lifetime),
  };
}

/** ::ffff:0:0/96 (RFC 4291, 2.5.5.2), in which PCP has IPv4 addresses. */
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

function mapped(ipv4: Uint8Array): Uint8Array {
  return Uint8Array.of(...MAPPED_PREFIX, ...ipv4);
}
