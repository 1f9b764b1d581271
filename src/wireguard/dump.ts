import { type Endpoint, parseEndpoint } from '../wire/endpoint.js';
import { type PublicKey, parsePublicKey } from '../wire/key.js';
import type { Device, Peer } from './device.js';

const INTERFACE_FIELDS = 4;
const PEER_FIELDS = 8;
const NONE = '(none)';

/**
 * Parses the output of `wg show IFACE dump` (wg(8)): one line for the interface, one for each peer.
 * Throws a RangeError that names the line and field, never their content: the first field is a private key.
 */
export function parseDump(text: string): Device {
  return parseLines(text, parsePeer);
}

/**
 * A parser for the dumps of one interface, one after another, as parseDump: a line that is as it was in
 * the dump before gives the very same Peer. Of 10 000 peers few change from one second to the next.
 */
export function createDumpParser(): (text: string) => Device {
  let before = new Map<string, Peer>();
  return (text) => {
    const now = new Map<string, Peer>();
    const device = parseLines(text, (line, number) => {
      const id = withoutPresharedKey(line);
      const peer = before.get(id) ?? parsePeer(line, number);
      now.set(id, peer);
      return peer;
    });
    before = now;
    return device;
  };
}

function parseLines(text: string, peer: (line: string, number: number) => Peer): Device {
  const [first, ...rest] = text.trimEnd().split('\n');
  const [, publicKey, listenPort, fwmark] = fields(first as string, 1, INTERFACE_FIELDS);
  return {
    publicKey: publicKey === NONE ? undefined : key(publicKey as string, 1),
    listenPort: integer(listenPort as string, 1, 'listen-port'),
    fwmark: fwmark === 'off' ? 0 : integer(fwmark as string, 1, 'fwmark'),
    peers: rest.map((line, i) => peer(line, i + 2)),
  };
}

/** A peer's line to be kept. */
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
