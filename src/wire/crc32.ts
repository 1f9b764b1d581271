/** CRC-32 of ITU V.42, as Ethernet and zlib have it, reflected. */
const POLYNOMIAL = 0xedb88320;

/** Made when it is first needed: the start of a client has no time for it. */
let table: Uint32Array | undefined;

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) {
      value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    }
    return value;
  });
}

/** The CRC-32 of the `length` bytes at `at`, unsigned. */
export function crc32(bytes: Uint8Array, at: number, length: number): number {
  table ??= makeTable();
  let crc = 0xffffffff;
  for (let i = at; i < at + length; i++) {
    crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
