import { addressBytes, ENDPOINT_LENGTH, type Endpoint } from '../../src/wire/endpoint.js';

/** Encodes address and port in network order: 6 or 18 bytes. */
export function encodeEndpoint(value: Endpoint): Uint8Array {
  const bytes = new Uint8Array(ENDPOINT_LENGTH[value.family]);
  bytes.set(addressBytes(value.address));
  new DataView(bytes.buffer).setUint16(bytes.length - 2, value.port);
  return bytes;
}
