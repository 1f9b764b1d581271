/** A small generator with a seed, so that a failure can be repeated (Marsaglia's xorshift): 32 bits a call. */
export function xorshift(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
