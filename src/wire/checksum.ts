/**
 * The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit words
 * in network order. An odd last byte is padded with zero.
 * @param parts summed as if they stood one after another; only the last may have an odd length
 */
export function internetChecksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) {
      sum += ((part[i] as number) << 8) | (part[i + 1] ?? 0);
    }
  }
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  }
  return ~sum & 0xffff;
}
