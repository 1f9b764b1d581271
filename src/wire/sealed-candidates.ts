import { readPort, writePort } from './byte-order.js';
import {
  ADDRESS_LENGTH,
  addressBytes,
  type Endpoint,
  endpoint,
  formatAddress,
} from './endpoint.js';

/** Bytes of candidates in plain: `(family[1] port[2] address[4 or 16])...`, padded with zeros. */
export const CANDIDATES_LENGTH = 48;

/** Bytes of a candidate before its address. */
const HEADER = 3;

/** Encodes endpoints in order, as many as fit, without their zones. */
export function encodeCandidates(endpoints: readonly Endpoint[]): Uint8Array {
  const bytes = new Uint8Array(CANDIDATES_LENGTH);
  let at = 0;
  for (const { family, port, address } of endpoints) {
    const length = HEADER + ADDRESS_LENGTH[family];
    if (at + length > CANDIDATES_LENGTH) {
      break;
    }
    bytes[at] = family;
    writePort(bytes, at + 1, port);
    bytes.set(addressBytes(address), at + HEADER);
    at += length;
  }
  return bytes;
}

/** Decodes candidates; undefined if malformed. */
export function decodeCandidates(bytes: Uint8Array): Endpoint[] | undefined {
  if (bytes.length !== CANDIDATES_LENGTH) {
    return undefined;
  }
  const endpoints: Endpoint[] = [];
  let at = 0;
  while (at < CANDIDATES_LENGTH && bytes[at] !== 0) {
    const family = bytes[at];
    if (family !== 4 && family !== 6) {
      return undefined;
    }
    const end = at + HEADER + ADDRESS_LENGTH[family];
    if (end > CANDIDATES_LENGTH) {
      return undefined;
    }
    endpoints.push(
      endpoint(formatAddress(bytes.subarray(at + HEADER, end)), readPort(bytes, at + 1)),
    );
    at = end;
  }
  return endpoints;
}
