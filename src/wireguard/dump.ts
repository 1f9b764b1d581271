import { type Endpoint, parseEndpoint } from '../wire/endpoint.js';
import { formatPublicKey, type PublicKey, parsePublicKey } from '../wire/key.js';
import type { Device, Peer } from './device.js';

const INTERFACE_FIELDS = 4;
const PEER_FIELDS = 8;
const NONE = '(none)';

const TAB = 0x09;
const NEWLINE = 0x0a;
/** Stands in for each byte of a secret. */
const REDACTED = 0x2a;

/**
 * Parses the output of `wg show IFACE dump` (wg(8)): one line for the interface, one per peer. Overwrites
 * the private key and the preshared keys in `dump` before anything of it becomes a string.
 * Throws a RangeError that names the line and field, never their content.
 */
export function parseDump(dump: Uint8Array): Device {
  return parseLines(dump, parsePeer);
}

/**
 * A parser for successive dumps of one interface, as parseDump: a line that is the same as in the dump
 * before gives the identical Peer object. Of 10 000 peers few change from one second to the next.
 */
export function createDumpParser(): (dump: Uint8Array) => Device {
  let before = new Map<string, Peer>();
  return (dump) => {
    const now = new Map<string, Peer>();
    const device = parseLines(dump, (line, number) => {
      const id = withoutPresharedKey(line);
      const peer = before.get(id) ?? parsePeer(line, number);
      now.set(id, peer);
      return peer;
    });
    before = now;
    return device;
  };
}

/**
 * The preshared key of a peer as it stands in a dump: 44 characters of base64, as a view of the dump; a
 * peer without one gives `(none)`. undefined when the dump has no such peer.
 */
export function presharedKeyIn(dump: Uint8Array, publicKey: PublicKey): Uint8Array | undefined {
  const wanted = Buffer.from(formatPublicKey(publicKey));
  for (let start = nextLine(dump, 0); start < dump.length; start = nextLine(dump, start)) {
    if (wanted.equals(dump.subarray(...fieldAt(dump, start, 0)))) {
      return dump.subarray(...fieldAt(dump, start, 1));
    }
  }
  return undefined;
}

function parseLines(dump: Uint8Array, peer: (line: string, number: number) => Peer): Device {
  overwriteSecrets(dump);
  const text = Buffer.from(dump.buffer, dump.byteOffset, dump.length).toString('latin1');
  const [first, ...rest] = text.trimEnd().split('\n');
  const [, publicKey, listenPort, fwmark] = fields(first as string, 1, INTERFACE_FIELDS);
  return {
    publicKey: publicKey === NONE ? undefined : key(publicKey as string, 1),
    listenPort: integer(listenPort as string, 1, 'listen-port'),
    fwmark: fwmark === 'off' ? 0 : integer(fwmark as string, 1, 'fwmark'),
    peers: rest.map((line, i) => peer(line, i + 2)),
  };
}

/** Overwrites the first field of the first line, and the second field of all others. */
function overwriteSecrets(dump: Uint8Array): void {
  let column = 0;
  for (let start = 0; start < dump.length; start = nextLine(dump, start)) {
    dump.fill(REDACTED, ...fieldAt(dump, start, column));
    column = 1;
  }
}

/** Where a field of the line that begins at `start` begins and ends. */
function fieldAt(dump: Uint8Array, start: number, column: number): [start: number, end: number] {
  const lineEnd = endOf(dump, NEWLINE, start, dump.length);
  let begin = start;
  for (let i = 0; i < column; i++) {
    begin = Math.min(endOf(dump, TAB, begin, lineEnd) + 1, lineEnd);
  }
  return [begin, endOf(dump, TAB, begin, lineEnd)];
}

function nextLine(dump: Uint8Array, start: number): number {
  return endOf(dump, NEWLINE, start, dump.length) + 1;
}

function endOf(dump: Uint8Array, byte: number, start: number, end: number): number {
  const at = dump.indexOf(byte, start);
  return at < 0 || at > end ? end : at;
}

/** A peer's line without its preshared key column, whose width shows whether there is one. */
function withoutPresharedKey(line: string): string {
  const start = line.indexOf('\t') + 1;
  return line.slice(0, start) + line.slice(line.indexOf('\t', start));
}

function parsePeer(line: string, number: number): Peer {
  const [publicKey, , endpointText, allowedIps, handshake, received, sent, keepalive] = fields(
    line,
    number,
    PEER_FIELDS,
  ) as [string, string, string, string, string, string, string, string];
  return {
    publicKey: key(publicKey, number),
    endpoint: endpointText === NONE ? undefined : endpointField(endpointText, number),
    allowedIps: allowedIps === NONE ? [] : allowedIps.split(','),
    latestHandshakeMs: integer(handshake, number, 'latest-handshake') * 1000,
    receivedBytes: integer(received, number, 'transfer-rx'),
    sentBytes: integer(sent, number, 'transfer-tx'),
    persistentKeepalive: keepalive === 'off' ? 0 : integer(keepalive, number, 'keepalive'),
  };
}

function fields(line: string, number: number, count: number): string[] {
  const found = line.split('\t');
  if (found.length !== count) {
    throw new RangeError(`wg dump line ${number}: expected ${count} fields, got ${found.length}`);
  }
  return found;
}

function key(text: string, line: number): PublicKey {
  return named(() => parsePublicKey(text), line, 'public-key');
}

function endpointField(text: string, line: number): Endpoint {
  return named(() => parseEndpoint(text), line, 'endpoint');
}

function integer(text: string, line: number, field: string): number {
  const value = Number(text);
  if (text === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`wg dump line ${line}: ${field} is not a number`);
  }
  return value;
}

function named<T>(parse: () => T, line: number, field: string): T {
  try {
    return parse();
  } catch (cause) {
    throw new RangeError(`wg dump line ${line}: unusable ${field}`, { cause });
  }
}
