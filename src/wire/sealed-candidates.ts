import { readPort, writePort } from './byte-order.js';
import {
  ADDRESS_LENGTH,
  addressBytes,
  type Endpoint,
  endpoint,
  formatAddress,
} from './endpoint.js';
import { decodeTai64n, TAI64N_LENGTH, writeTai64n } from './tai64n.js';

/**
 * Bytes of candidates in plain: `version[1] zero[3] nat[8] run[12]`, then
 * `type[1] family[1] port[2] address[4 or 16]` for each, padded with zeros. There is room for 8 of IPv4 and 6
 * of IPv6.
 */
export const CANDIDATES_LENGTH = 208;

/** Bytes for what the sender knows about its NAT: 4 for IPv4, 4 for IPv6. */
export const NAT_LENGTH = 8;

const VERSION = 1;
const AT = { version: 0, nat: 4, run: 12, list: 24 } as const;

/** Bytes of a candidate before its address. */
const HEADER = 4;

/** How a client came to an address of its own (RFC 8445 section 5.1.1). */
export type CandidateType = 'host' | 'server-reflexive' | 'port-mapped' | 'relayed';

const TYPES: readonly (CandidateType | undefined)[] = [
  undefined,
  'host',
  'server-reflexive',
  'port-mapped',
  'relayed',
];

/** An endpoint at which a client may be reached. */
export interface Candidate {
  readonly type: CandidateType;
  readonly endpoint: Endpoint;
}

/** What a client sends a peer about itself. */
export interface PeerCandidates {
  /** When the client's run began, in milliseconds since 1970 UTC: its probes carry the same. */
  readonly run: number;
  /** NAT_LENGTH bytes. */
  readonly nat: Uint8Array;
  readonly candidates: readonly Candidate[];
}

/** Encodes candidates in order, as many as fit, without their zones. */
export function encodeCandidates({ run, nat, candidates }: PeerCandidates): Uint8Array {
  const bytes = new Uint8Array(CANDIDATES_LENGTH);
  bytes[AT.version] = VERSION;
  bytes.set(nat.subarray(0, NAT_LENGTH), AT.nat);
  writeTai64n(bytes, AT.run, run);
  let at: number = AT.list;
  for (const { type, endpoint: to } of candidates) {
    const length = HEADER + ADDRESS_LENGTH[to.family];
    if (at + length > CANDIDATES_LENGTH) {
      break;
    }
    bytes[at] = TYPES.indexOf(type);
    bytes[at + 1] = to.family;
    writePort(bytes, at + 2, to.port);
    bytes.set(addressBytes(to.address), at + HEADER);
    at += length;
  }
  return bytes;
}

/** Decodes candidates; undefined if malformed, or of a version that is not known here. */
export function decodeCandidates(bytes: Uint8Array): PeerCandidates | undefined {
  if (bytes.length !== CANDIDATES_LENGTH || bytes[AT.version] !== VERSION) {
    return undefined;
  }
  const candidates: Candidate[] = [];
  let at: number = AT.list;
  while (at + HEADER <= CANDIDATES_LENGTH && bytes[at] !== 0) {
    const type = TYPES[bytes[at]!];
    const family = bytes[at + 1];
    if (type === undefined || (family !== 4 && family !== 6)) {
      return undefined;
    }
    const end = at + HEADER + ADDRESS_LENGTH[family];
    if (end > CANDIDATES_LENGTH) {
      return undefined;
    }
    const address = formatAddress(bytes.subarray(at + HEADER, end));
    candidates.push({ type, endpoint: endpoint(address, readPort(bytes, at + 2)) });
    at = end;
  }
  return {
    run: decodeTai64n(bytes.slice(AT.run, AT.run + TAI64N_LENGTH)),
    nat: bytes.slice(AT.nat, AT.nat + NAT_LENGTH),
    candidates,
  };
}
