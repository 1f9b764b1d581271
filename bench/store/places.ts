/**
 * Where the clients of a generator are: each has an address of 127.0.0.0/8 of its own, and another one to move to.
 * A socket that is bound to no address receives for all of them, and sends from each.
 */

/** 127.1.0.0 to 127.127.255.255, and 127.129.0.0 and on for clients that moved. */
const FIRST = 2 ** 16;
const MOVED = 2 ** 23;

/** Writes the address of a client as 4 bytes in network order. */
export function writePlace(bytes: Uint8Array, at: number, client: number, moved: boolean): void {
  const host = FIRST + client + (moved ? MOVED : 0);
  bytes[at] = 127;
  bytes[at + 1] = host >>> 16;
  bytes[at + 2] = host >>> 8;
  bytes[at + 3] = host;
}

/** The client whose address that is. */
export function clientAt(bytes: Uint8Array, at: number): number {
  const host = (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  return (host & (MOVED - 1)) - FIRST;
}

/** The address as text. */
export function placeText(client: number, moved: boolean): string {
  const bytes = new Uint8Array(4);
  writePlace(bytes, 0, client, moved);
  return bytes.join('.');
}
