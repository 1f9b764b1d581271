/** A 64-bit key as two words; random per process, so that no outsider can choose colliding inputs. */
export interface HashKey {
  readonly low: number;
  readonly high: number;
}

const FINAL_ROUNDS = 3;

/**
 * HalfSipHash-1-3 with 32-bit output over whole words: the SipHash variant for hash tables on short
 * input, with the constants and rounds of the authors' halfsiphash.c (Linux keys its tables with it on
 * 32-bit machines). A word is four bytes of the message in native order; tables never leave the process.
 * @param words holds the message at offset: `count` words
 * @returns a signed 32-bit integer
 */
export function halfSipHash(
  words: Uint32Array,
  offset: number,
  count: number,
  key: HashKey,
): number {
  const lengthBlock = count << 26; // the length in bytes modulo 256, in the top byte
  const end = offset + count;
  let v0 = key.low | 0;
  let v1 = key.high | 0;
  let v2 = 0x6c796765 ^ key.low;
  let v3 = 0x74656462 ^ key.high;
  // The round is written twice: a function with four results would allocate.
  for (let i = offset; i < end; i++) {
    const word = words[i]! | 0;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v2 = (v2 + v3) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v1) | 0;
    v0 = (v0 + v3) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  v3 ^= lengthBlock;
  for (let round = 0; round <= FINAL_ROUNDS; round++) {
    v0 = (v0 + v1) | 0;
    v2 = (v2 + v3) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v1) | 0;
    v0 = (v0 + v3) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (round === 0) {
      v0 ^= lengthBlock;
      v2 ^= 0xff;
    }
  }
  return v1 ^ v3;
}
