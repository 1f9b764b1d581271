/** Bytes of the length before each message over TCP (RFC 1035 section 4.2.2). */
const LENGTH_BYTES = 2;

/** A message from the start of a TCP stream, and the bytes behind it. */
export interface Frame {
  readonly message: Uint8Array;
  readonly rest: Uint8Array;
}

/** Encodes a message of at most 65 535 bytes for TCP: its length, then the message. */
export function encodeFrame(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(LENGTH_BYTES + message.length);
  frame[0] = message.length >>> 8;
  frame[1] = message.length;
  frame.set(message, LENGTH_BYTES);
  return frame;
}

/** The length that the first message in a stream has; undefined until both bytes of it are there. */
export function frameLength(stream: Uint8Array): number | undefined {
  const [high, low] = stream;
  return high === undefined || low === undefined ? undefined : (high << 8) | low;
}

/** Reads the first message in a stream, as views of it; undefined while the message is incomplete. */
export function decodeFrame(stream: Uint8Array): Frame | undefined {
  const length = frameLength(stream);
  if (length === undefined || stream.length < LENGTH_BYTES + length) {
    return undefined;
  }
  const end = LENGTH_BYTES + length;
  return { message: stream.subarray(LENGTH_BYTES, end), rest: stream.subarray(end) };
}
