/**
 * HalfSipHash-c-d over whole words, written from the paper for clarity: slow, and with the rounds as
 * parameters, so that the authors' vectors for 2-4 vouch for it, and it for our 1-3.
 */
export function referenceHalfSipHash(
  words: readonly number[],
  keyLow: number,
  keyHigh: number,
  compressionRounds: number,
  finalRounds: number,
): number {
  const v = [keyLow, keyHigh, 0x6c796765 ^ keyLow, 0x74656462 ^ keyHigh] as [
    number,
    number,
    number,
    number,
  ];
  for (const word of [...words, words.length << 26]) {
    v[3] ^= word;
    rounds(v, compressionRounds);
    v[0] ^= word;
  }
  v[2] ^= 0xff;
  rounds(v, finalRounds);
  return (v[1] ^ v[3]) | 0;
}

function rounds(v: [number, number, number, number], count: number): void {
  for (let i = 0; i < count; i++) {
    v[0] = (v[0] + v[1]) | 0;
    v[1] = rotate(v[1], 5) ^ v[0];
    v[0] = rotate(v[0], 16);
    v[2] = (v[2] + v[3]) | 0;
    v[3] = rotate(v[3], 8) ^ v[2];
    v[0] = (v[0] + v[3]) | 0;
    v[3] = rotate(v[3], 7) ^ v[0];
    v[2] = (v[2] + v[1]) | 0;
    v[1] = rotate(v[1], 13) ^ v[2];
    v[2] = rotate(v[2], 16);
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
