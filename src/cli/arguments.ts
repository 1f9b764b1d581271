import { isAbsolute } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { ServerName } from '../client/server-locator.js';
import type { SelfOptions } from '../dns/options.js';
import type { ListenEndpoint } from '../socket/listening.js';
import { parseZone } from '../wire/dns-sd.js';
import {
  addressFamily,
  type Endpoint,
  endpoint,
  MAX_PORT,
  parseEndpoint,
  sameEndpoint,
} from '../wire/endpoint.js';
import { isInterfaceName, MAX_INTERFACE_NAME } from '../wire/interface-name.js';
import { formatPublicKey, type PublicKey, parsePublicKey } from '../wire/key.js';
import { parsePrefix } from '../wire/prefix.js';

const MAX_KEEPALIVE = 65535;
const HOST_NAME = /^(?=.{1,253}$)(?!\d+(\.\d+)*$)[\w-]{1,63}(\.[\w-]{1,63})*\.?$/;
const SERVER = /^(?:\[(?<v6>[^\]]*)\]|(?<host>[^:[\]]*))(?::(?<port>\d+))?$/;

/** An interface name as the kernel takes it, and never an option of `wg`. */
export function interfaceName(text: string): string {
  if (text.startsWith('-') || !isInterfaceName(text)) {
    throw new InvalidArgumentError(
      `an interface name has 1 to ${MAX_INTERFACE_NAME} characters, no blank, colon or slash, and no leading dash.`,
    );
  }
  return text;
}

/** A parser of `HOST`, `HOST:PORT`, `[IPV6]:PORT` or a bare IPv6 address. */
export function serverName(defaultPort: number): (text: string) => ServerName {
  return (text) => {
    if (addressFamily(text) === 6) {
      return { host: text, port: defaultPort };
    }
    const parts = SERVER.exec(text)?.groups;
    const host = parts?.['v6'] ?? parts?.['host'] ?? '';
    const family = addressFamily(host);
    const fits = parts?.['v6'] === undefined ? family === 4 || HOST_NAME.test(host) : family === 6;
    if (!fits) {
      throw new InvalidArgumentError('expected HOST, HOST:PORT, or [IPV6]:PORT.');
    }
    return { host, port: parts?.['port'] === undefined ? defaultPort : port(parts['port']) };
  };
}

/** A server as the user gives it: where it is, and its public key where it speaks the sealed protocol. */
export interface GivenServer extends ServerName {
  readonly key?: PublicKey;
}

/** A parser of `KEY@HOST[:PORT]`, or without the key, what `serverName` parses. */
export function givenServer(defaultPort: number): (text: string) => GivenServer {
  const parseName = serverName(defaultPort);
  return (text) => {
    const at = text.indexOf('@');
    return at < 0
      ? parseName(text)
      : { ...parseName(text.slice(at + 1)), key: publicKeyArgument(text.slice(0, at)) };
  };
}

/** `ADDR:PORT` to listen on; port 0 lets the kernel choose. */
export function listenEndpoint(text: string): Endpoint {
  return usable(() => parseEndpoint(text));
}

/** Where a server listens by default: all addresses, of IPv6 only where the host has it. */
export function allAddresses(port: number): readonly ListenEndpoint[] {
  return [endpoint('0.0.0.0', port), { ...endpoint('::', port), optional: true }];
}

/** `--listen`, which can be repeated with other addresses. */
export function listenEndpoints(text: string, before: readonly Endpoint[] = []): Endpoint[] {
  const added = listenEndpoint(text);
  if (added.port !== 0 && before.some((given) => sameEndpoint(given, added))) {
    throw new InvalidArgumentError('it is given twice: leave one out.');
  }
  return [...before, added];
}

/** `--probe-port`: a port, or 0 or `none` for none. */
export function probePort(text: string): number {
  return text === 'none' ? 0 : wholeNumber(0, MAX_PORT)(text);
}

/** The absolute path of a file. */
export function absolutePath(text: string): string {
  if (!isAbsolute(text)) {
    throw new InvalidArgumentError('expected an absolute path.');
  }
  return text;
}

/** The name of a DNS zone. */
export function zoneName(text: string): string {
  return usable(() => parseZone(text));
}

/** `[ENDPOINT][,ALLOWED-IP…]`, or nothing. */
export function selfOptions(text: string): SelfOptions {
  const [first, ...others] = text === '' ? [] : text.split(',');
  if (first === undefined || first.includes('/')) {
    return { allowedIps: text === '' ? [] : usable(() => text.split(',').map(parsePrefix)) };
  }
  const endpoint = listenEndpoint(first);
  if (endpoint.port === 0) {
    throw new InvalidArgumentError('an endpoint has a port above 0.');
  }
  return { endpoint, allowedIps: usable(() => others.map(parsePrefix)) };
}

/** A public key in base64, which is its one spelling. */
export function peerKey(text: string): string {
  return formatPublicKey(publicKeyArgument(text));
}

/** A public key in base64. */
export function publicKeyArgument(text: string): PublicKey {
  return usable(() => parsePublicKey(text));
}

/** Seconds between keepalives; 0 = none. */
export const keepalive = wholeNumber(0, MAX_KEEPALIVE);

/** A parser of whole numbers in a range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** A parser of numbers, fractions allowed, in a range. */
export function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`expected a number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Lets an option be given several times. */
export function collect<T>(parse: (text: string) => T): (text: string, before?: T[]) => T[] {
  return (text, before = []) => [...before, parse(text)];
}

function port(text: string): number {
  const value = Number(text);
  if (value < 1 || value > MAX_PORT) {
    throw new InvalidArgumentError(`a port is 1 to ${MAX_PORT}.`);
  }
  return value;
}

/** The result of a parser, whose error becomes one of the argument. */
function usable<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}
