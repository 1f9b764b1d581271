import { readPort, readUint16, writePort, writeUint16 } from './byte-order.js';
import {
  ADDRESS_LENGTH,
  addressBytes,
  decodeEndpoint,
  ENDPOINT_LENGTH,
  type Endpoint,
  isUsable,
} from './endpoint.js';
import { compareTai64n, decodeTai64n, TAI64N_LENGTH, writeTai64n } from './tai64n.js';

/** Bytes of a response's payload. */
export const RESPONSE_PAYLOAD_LENGTH = 32;

/** Outcomes of a handshake; only `welcome` makes a session. */
export const STATUS = { welcome: 0, notAllowed: 1, staleTimestamp: 2, full: 3 } as const;

export type Status = (typeof STATUS)[keyof typeof STATUS];

const AT = {
  status: 0,
  tookWant: 1,
  ttl: 2,
  maxWanted: 4,
  features: 6,
  clock: 8,
  /** With `welcome`. */
  observed: 20,
  otherPort: 26,
  /** With `staleTimestamp`. */
  latest: 20,
} as const;

/** Bits of what a server offers beyond the minimum. */
const FEATURE = { relay: 1 } as const;

const MAX_UINT16 = 0xffff;

/** The payload of a server's response. */
export interface ResponsePayload {
  readonly status: Status;
  /** The server took in the want list of the initiation, and answers it. */
  readonly tookWant: boolean;
  /** Seconds of silence after which the server forgets a client; 65 535 stands for more. */
  readonly ttlSeconds: number;
  /** How many peers a client may want; 65 535 stands for more. */
  readonly maxWanted: number;
  /** Whether the server has a relay, so that the client may ask for it. */
  readonly relays?: boolean;
  /** The server's clock, milliseconds since 1970 UTC. */
  readonly clockMs: number;
  /** With status 2: the latest timestamp (TAI64N) that the server knows of this key. */
  readonly latest?: Uint8Array | undefined;
  /** With status 0: the source of the initiation. Over IPv6 there is no room for it. */
  readonly observed?: Endpoint | undefined;
  /** With status 0: the server's other port, where a client can be observed as well; 0 for none. @default 0 */
  readonly otherPort?: number;
}

/** Encodes a response's payload: 32 bytes. */
export function encodeResponsePayload(payload: ResponsePayload): Uint8Array {
  const bytes = new Uint8Array(RESPONSE_PAYLOAD_LENGTH);
  bytes[AT.status] = payload.status;
  bytes[AT.features] = payload.relays ? FEATURE.relay : 0;
  bytes[AT.tookWant] = payload.tookWant ? 1 : 0;
  writeUint16(bytes, AT.ttl, Math.min(payload.ttlSeconds, MAX_UINT16));
  writeUint16(bytes, AT.maxWanted, Math.min(payload.maxWanted, MAX_UINT16));
  writeTai64n(bytes, AT.clock, payload.clockMs);
  if (payload.latest !== undefined) {
    bytes.set(payload.latest, AT.latest);
  }
  if (payload.status === STATUS.welcome) {
    writePort(bytes, AT.otherPort, payload.otherPort ?? 0);
  }
  if (payload.observed?.family === 4) {
    bytes.set(addressBytes(payload.observed.address), AT.observed);
    writePort(bytes, AT.observed + ADDRESS_LENGTH[4], payload.observed.port);
  }
  return bytes;
}

/** Decodes a response's payload; undefined if malformed or if the status is unknown. */
export function decodeResponsePayload(bytes: Uint8Array): ResponsePayload | undefined {
  const status = bytes[AT.status] as Status;
  if (bytes.length !== RESPONSE_PAYLOAD_LENGTH || !Object.values(STATUS).includes(status)) {
    return undefined;
  }
  const isWelcome = status === STATUS.welcome;
  const none = new Uint8Array(TAI64N_LENGTH);
  const latest = bytes.slice(AT.latest, AT.latest + TAI64N_LENGTH);
  const observed = decodeEndpoint(bytes.subarray(AT.observed, AT.observed + ENDPOINT_LENGTH[4]));
  return {
    status,
    tookWant: bytes[AT.tookWant] === 1,
    ttlSeconds: readUint16(bytes, AT.ttl),
    maxWanted: readUint16(bytes, AT.maxWanted),
    relays: (bytes[AT.features]! & FEATURE.relay) !== 0,
    clockMs: decodeTai64n(bytes, AT.clock),
    latest: isWelcome || compareTai64n(latest, 0, none, 0) === 0 ? undefined : latest,
    observed: isWelcome && observed && isUsable(observed) ? observed : undefined,
    otherPort: isWelcome ? readPort(bytes, AT.otherPort) : 0,
  };
}
