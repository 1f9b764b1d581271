/** Reads 16 bits, little-endian. */
export function readUint16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

/** Writes 16 bits, little-endian. */
export function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** Reads 16 bits in network order, such as a port. */
export function readPort(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Writes 16 bits in network order, such as a port. */
export function writePort(bytes: Uint8Array, at: number, port: number): void {
  bytes[at] = port >>> 8;
  bytes[at + 1] = port;
}

/** Reads an unsigned 32-bit word, little-endian. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}

/** Writes a 32-bit word, little-endian. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

const TWO_TO_32 = 0x1_0000_0000;

/** Reads an unsigned 64-bit number, little-endian; rounded above 2^53. */
export function readUint64(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) + readUint32(bytes, at + 4) * TWO_TO_32;
}

/** Writes a number up to 2^53 as 64 bits, little-endian. */
export function writeUint64(bytes: Uint8Array, at: number, value: number): void {
  writeUint32(bytes, at, value);
  writeUint32(bytes, at + 4, value / TWO_TO_32);
}

/** Copies bytes; for a few of them cheaper than `set(subarray())`, which makes an object. */
export function copyBytes(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) {
    to[toAt + i] = from[fromAt + i]!;
  }
}
