/** Bytes of a TAI64N label: seconds, then nanoseconds, big-endian. */
export const TAI64N_LENGTH = 12;

/** The label of 1970-01-01 00:00:00 UTC (libtai, as WireGuard counts: no leap seconds after 1970's 10). */
const EPOCH = 0x400000000000000an;

const NS_PER_MS = 1_000_000;

/**
 * Writes a time as TAI64N: later times have labels that compare as greater bytes.
 * @param timeMs milliseconds since 1970 UTC, not negative; a fraction counts
 */
export function writeTai64n(bytes: Uint8Array, at: number, timeMs: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, TAI64N_LENGTH);
  const seconds = Math.floor(timeMs / 1000);
  const nanoseconds = Math.floor((timeMs - seconds * 1000) * NS_PER_MS);
  view.setBigUint64(0, EPOCH + BigInt(seconds));
  view.setUint32(8, nanoseconds);
}

/** A time as TAI64N; see writeTai64n. */
export function encodeTai64n(timeMs: number): Uint8Array {
  const bytes = new Uint8Array(TAI64N_LENGTH);
  writeTai64n(bytes, 0, timeMs);
  return bytes;
}

/** Milliseconds since 1970 UTC; any 12 bytes give a finite number. */
export function decodeTai64n(bytes: Uint8Array, at = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, TAI64N_LENGTH);
  return Number(view.getBigUint64(0) - EPOCH) * 1000 + view.getUint32(8) / NS_PER_MS;
}

/** Negative, zero or positive as the first label is earlier than, the same as or later than the second. */
export function compareTai64n(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  for (let i = 0; i < TAI64N_LENGTH; i++) {
    const difference = a[aAt + i]! - b[bAt + i]!;
    if (difference !== 0) {
      return difference;
    }
  }
  return 0;
}
