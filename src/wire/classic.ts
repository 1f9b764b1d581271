import { decodeEndpoint, type Endpoint, type Family, isUsable } from './endpoint.js';
import { KEY_LENGTH, type PublicKey } from './key.js';

/** UDP port of the original nat-punch-server.c, and the default here. */
export const CLASSIC_PORT = 49918;

/** `my_pubkey[32] their_pubkey[32]`. */
export const CLASSIC_REQUEST_LENGTH = 2 * KEY_LENGTH;

/** Bytes of the reply to a known peer: address and port in network order. Unknown peers get 0 bytes. */
export const CLASSIC_REPLY_LENGTH = { 4: 6, 6: 18 } as const;

/** What a reply says: where the peer is, or that the server does not know it. */
export type ClassicAnswer = Endpoint | 'unknown';

/** Encodes a request: it registers mine at the address it arrives from, and asks for theirs. */
export function encodeClassicRequest(mine: PublicKey, theirs: PublicKey): Uint8Array {
  const bytes = new Uint8Array(CLASSIC_REQUEST_LENGTH);
  bytes.set(mine);
  bytes.set(theirs, KEY_LENGTH);
  return bytes;
}

/**
 * Decodes the payload of a reply that came over the given family; undefined when it is no reply.
 * Port 0 and the unspecified address cannot be sent to: the original answers them for its empty
 * entries when asked for the all-zero key, and they count as unknown.
 */
export function decodeClassicReply(payload: Uint8Array, family: Family): ClassicAnswer | undefined {
  if (payload.length === 0) {
    return 'unknown';
  }
  if (payload.length !== CLASSIC_REPLY_LENGTH[family]) {
    return undefined;
  }
  const endpoint = decodeEndpoint(payload) as Endpoint;
  return isUsable(endpoint) ? endpoint : 'unknown';
}
