/** Bytes of a name at most, its length bytes and the root counted (RFC 1035 section 2.3.4). */
export const MAX_NAME_LENGTH = 255;

/** Bytes of a label at most (RFC 1035 section 2.3.4). */
export const MAX_LABEL_LENGTH = 63;
const DOT = 0x2e;
const BACKSLASH = 0x5c;
const ESCAPE = /\\(\d{3})/g;

/** A name as read from a message. */
export interface ReadName {
  /**
   * Lower case, without the last dot; '' is the root. Within a label a dot, a backslash, and bytes other
   * than printable ASCII are escaped as `\DDD` (RFC 4343 section 2.1).
   */
  readonly text: string;
  /** Offset behind the name. */
  readonly end: number;
}

/** The text of the name that is being read. */
const scratch = Buffer.alloc(MAX_NAME_LENGTH);

/** Each byte in lower case, and 0 for those that have to be escaped: reading names is the hot path. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) => (isPlain(byte) ? lowerCase(byte) : 0));

/**
 * Reads an uncompressed name; undefined if it is cut, too long, or compressed.
 * (dns-packet reads labels as UTF-8 and joins them with dots, which makes different names look equal.)
 */
export function readName(message: Uint8Array, start: number): ReadName | undefined {
  let at = start;
  let written = 0;
  let plain = true;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > MAX_LABEL_LENGTH) {
      return undefined;
    }
    const end = at + 1 + length;
    if (end > message.length || end - start > MAX_NAME_LENGTH) {
      return undefined;
    }
    if (length === 0) {
      break;
    }
    if (written > 0) {
      scratch[written++] = DOT;
    }
    for (at++; at < end; at++) {
      const byte = PLAIN[message[at] as number] as number;
      scratch[written++] = byte;
      plain &&= byte !== 0;
    }
  }
  const text = plain ? scratch.toString('latin1', 0, written) : escapedText(message, start);
  return { text, end: at + 1 };
}

/** Offset behind a name, compressed or not; undefined if it is cut or no name. */
export function skipName(message: Uint8Array, start: number): number | undefined {
  let at = start;
  while (at < message.length) {
    const length = message[at] as number;
    if (length === 0) {
      return at + 1;
    }
    if (length >= 0xc0) {
      return at + 2 <= message.length ? at + 2 : undefined;
    }
    if (length > MAX_LABEL_LENGTH) {
      return undefined;
    }
    at += 1 + length;
  }
  return undefined;
}

/** The bytes of a name in text, the root included. Throws a RangeError when a label or all is too long. */
export function encodeName(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const label of text === '' ? [] : text.split('.')) {
    const unescaped = label.replace(ESCAPE, (_, code: string) => String.fromCharCode(Number(code)));
    if (unescaped.length === 0 || unescaped.length > MAX_LABEL_LENGTH) {
      throw new RangeError(`a label has 1 to ${MAX_LABEL_LENGTH} bytes: ${text}`);
    }
    bytes.push(unescaped.length, ...Buffer.from(unescaped, 'latin1'));
  }
  bytes.push(0);
  if (bytes.length > MAX_NAME_LENGTH) {
    throw new RangeError(`a name has at most ${MAX_NAME_LENGTH} bytes: ${text}`);
  }
  return Uint8Array.from(bytes);
}

function escapedText(message: Uint8Array, start: number): string {
  const labels: string[] = [];
  for (let at = start; message[at] !== 0; at += 1 + (message[at] as number)) {
    const label = message.subarray(at + 1, at + 1 + (message[at] as number));
    labels.push(Array.from(label, escapeByte).join(''));
  }
  return labels.join('.');
}

function escapeByte(byte: number): string {
  return isPlain(byte)
    ? String.fromCharCode(lowerCase(byte))
    : `\\${String(byte).padStart(3, '0')}`;
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

function isPlain(byte: number): boolean {
  return byte > 0x20 && byte < 0x7f && byte !== DOT && byte !== BACKSLASH;
}
