import { readUint32, writeUint32 } from './byte-order.js';

/**
 * The datagrams at a server's relay ports (docs/protocol.md, "Relay"), written and read in place: `at` is
 * where one begins in the caller's buffer. A client binds its WireGuard port's mapping to a relay port; the
 * server answers. All others are WireGuard's own.
 *
 *      0             4    8         12      13     16       24       40
 *      | 77 67 72 08 | id | counter | 0     | 0..0 | token  | mac    |  bind
 *      | 77 67 72 09 | id | counter | state | 0..0 | token  | mac    |  bound: the answer
 */

/** Bytes of a bind, and of its answer. */
export const BIND_LENGTH = 40;

/** The first four bytes of each, in network order: no type of WireGuard's when read as it does. */
export const BIND_FIRST_WORD = 0x77677208;
export const BOUND_FIRST_WORD = 0x77677209;

/** Bytes of the key with which a client and the server authenticate them, and of what that makes. */
export const RELAY_KEY_LENGTH = 16;
export const BIND_MAC_LENGTH = 16;

/** Offsets of their parts; the MAC covers all before it. */
export const BIND_OFFSET = { id: 4, counter: 8, state: 12, token: 16, mac: 24 } as const;

const PREFIX = [0x77, 0x67, 0x72] as const;
const TYPE = { bind: 8, bound: 9 } as const;

/**
 * What an answer says. `challenged`: the source has to prove itself, by a bind with the answer's token.
 * `bound`: it is bound, and the peer is not. `connected`: both are.
 */
export const BINDING = { challenged: 0, bound: 1, connected: 2 } as const;

export type BindingState = (typeof BINDING)[keyof typeof BINDING];

/** What a client binds with. */
export interface RelayCredentials {
  /** Names the client and the peer to the server: 32 bits. */
  readonly id: number;
  /** RELAY_KEY_LENGTH bytes. */
  readonly key: Uint8Array;
}

/**
 * WireGuard's messages: types and lengths, as its receiver checks them. Data has at least 32 bytes, and no
 * multiple of anything: a packet is padded to 16 bytes, but not beyond the interface's MTU, so that a full one
 * has 1 452 bytes with the usual MTU of 1 420.
 */
const WIREGUARD = { initiation: 1, response: 2, cookie: 3, data: 4 } as const;
const WIREGUARD_LENGTH = { initiation: 148, response: 92, cookie: 64 } as const;
const MIN_TRANSPORT_LENGTH = 32;

/** Whether the `length` bytes at `at` have type and length of a WireGuard message. */
export function isWireguard(bytes: Uint8Array, at: number, length: number): boolean {
  if (length < MIN_TRANSPORT_LENGTH || (bytes[at + 1]! | bytes[at + 2]! | bytes[at + 3]!) !== 0) {
    return false;
  }
  switch (bytes[at]) {
    case WIREGUARD.data:
      return true;
    case WIREGUARD.initiation:
      return length === WIREGUARD_LENGTH.initiation;
    case WIREGUARD.response:
      return length === WIREGUARD_LENGTH.response;
    case WIREGUARD.cookie:
      return length === WIREGUARD_LENGTH.cookie;
    default:
      return false;
  }
}

/** Whether the `length` bytes at `at` are a bind; its MAC is not checked. */
export function isBind(bytes: Uint8Array, at: number, length: number): boolean {
  return isOfType(bytes, at, length, TYPE.bind) && bytes[at + BIND_OFFSET.state] === 0;
}

/** Whether the `length` bytes at `at` are the answer to a bind; its MAC is not checked. */
export function isBound(bytes: Uint8Array, at: number, length: number): boolean {
  return (
    isOfType(bytes, at, length, TYPE.bound) && bytes[at + BIND_OFFSET.state]! <= BINDING.connected
  );
}

/** Writes a bind with a zero token and a zero MAC, which src/sealed/bind-mac.ts fills in. */
export function writeBind(bytes: Uint8Array, at: number, id: number, counter: number): void {
  write(bytes, at, TYPE.bind, id, counter);
}

/** Writes the answer to the bind with that counter, with a zero token and a zero MAC. */
export function writeBound(
  bytes: Uint8Array,
  at: number,
  id: number,
  counter: number,
  state: BindingState,
): void {
  write(bytes, at, TYPE.bound, id, counter);
  bytes[at + BIND_OFFSET.state] = state;
}

/** The identifier of a bind or its answer. */
export function readBindId(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + BIND_OFFSET.id);
}

/** The counter of a bind, or of the bind that is answered. */
export function readBindCounter(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + BIND_OFFSET.counter);
}

/** What an answer says. */
export function readBindingState(bytes: Uint8Array, at: number): BindingState {
  return bytes[at + BIND_OFFSET.state] as BindingState;
}

function isOfType(bytes: Uint8Array, at: number, length: number, type: number): boolean {
  return (
    length === BIND_LENGTH &&
    bytes[at] === PREFIX[0] &&
    bytes[at + 1] === PREFIX[1] &&
    bytes[at + 2] === PREFIX[2] &&
    bytes[at + 3] === type
  );
}

function write(bytes: Uint8Array, at: number, type: number, id: number, counter: number): void {
  bytes[at] = PREFIX[0];
  bytes[at + 1] = PREFIX[1];
  bytes[at + 2] = PREFIX[2];
  bytes[at + 3] = type;
  writeUint32(bytes, at + BIND_OFFSET.id, id);
  writeUint32(bytes, at + BIND_OFFSET.counter, counter);
  bytes.fill(0, at + BIND_OFFSET.state, at + BIND_LENGTH);
}
