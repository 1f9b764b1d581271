import ipaddr from 'ipaddr.js';
import { isInterfaceName } from './interface-name.js';

/** An address family as its IP version. */
export type Family = 4 | 6;

/** Both families, IPv4 first. */
export const FAMILIES: readonly Family[] = [4, 6];

/** Where a UDP datagram comes from or goes to. */
export interface Endpoint {
  /** IPv4 dotted quad, or IPv6 in RFC 5952 form, with a zone (`%eth0`) if it has one. */
  readonly address: string;
  /** 0..65535; 0 only where a port is still to be chosen. */
  readonly port: number;
  readonly family: Family;
}

/** Bytes of an address of each family. */
export const ADDRESS_LENGTH = { 4: 4, 6: 16 } as const;

/** Bytes of an encoded endpoint: the address, then the port in network order. */
export const ENDPOINT_LENGTH = { 4: 6, 6: 18 } as const;

export const MAX_PORT = 65535;
/** Brackets may be in the name of a zone, too; a colon may not. */
const ENDPOINT_TEXT = /^(?:\[(?<v6>[^[\]%]+(?:%[^:]+)?)\]|(?<v4>[^:[\]]+)):(?<port>\d{1,5})$/;

/** The zone of an address (`eth0` of `fe80::1%eth0`): an interface's name or number; undefined for none. */
export function zoneOf(address: string): string | undefined {
  const at = address.indexOf('%');
  return at < 0 ? undefined : address.slice(at + 1);
}

/** An address without its zone. */
export function withoutZone(address: string): string {
  const at = address.indexOf('%');
  return at < 0 ? address : address.slice(0, at);
}

/**
 * The family of an address in text, or undefined when the text is no address. Zones are not for ipaddr.js,
 * which knows letters and digits only: interfaces are named `br-lan`, `eth0.100`, `docker_gwbridge`.
 */
export function addressFamily(text: string): Family | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
    return 4;
  }
  const zone = zoneOf(text);
  const hasGoodZone = zone === undefined || isInterfaceName(zone);
  return hasGoodZone && ipaddr.IPv6.isValid(withoutZone(text)) ? 6 : undefined;
}

/** Makes an endpoint of an address in text and a port. Throws a RangeError that names the bad part. */
export function endpoint(address: string, port: number): Endpoint {
  const family = addressFamily(address);
  if (family === undefined) {
    throw new RangeError(`not an IP address: ${address}`);
  }
  if (!Number.isInteger(port) || port < 0 || port > MAX_PORT) {
    throw new RangeError(`a port is 0..${MAX_PORT}, got ${port}`);
  }
  return { address: family === 4 ? address : canonicalIpv6(address), port, family };
}

/** Parses `192.0.2.1:51820` or `[2001:db8::1]:51820`. Throws a RangeError. */
export function parseEndpoint(text: string): Endpoint {
  const parts = ENDPOINT_TEXT.exec(text)?.groups;
  const address = parts?.['v6'] ?? parts?.['v4'];
  if (parts === undefined || address === undefined) {
    throw new RangeError(`expected ADDRESS:PORT or [ADDRESS]:PORT, got ${text}`);
  }
  const parsed = endpoint(address, Number(parts['port']));
  if ((parsed.family === 6) !== (parts['v6'] !== undefined)) {
    throw new RangeError(`brackets are for IPv6 addresses, and for them only: ${text}`);
  }
  return parsed;
}

/** The text of an endpoint as `wg` prints and takes it. */
export function formatEndpoint({ address, port, family }: Endpoint): string {
  return family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}

/** Whether two endpoints are the same address and port. */
export function sameEndpoint(a: Endpoint | undefined, b: Endpoint | undefined): boolean {
  return a?.port === b?.port && a?.address === b?.address;
}

/** Whether an address stands for all addresses of its family. */
export function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** Whether something can be sent there: neither port 0 nor the unspecified address. */
export function isUsable({ address, port }: Endpoint): boolean {
  return port !== 0 && !isWildcard(address);
}

/** Addresses that were parsed lately: a client needs the bytes of those of its peers again and again. */
const parsedAddresses = new Map<string, Uint8Array>();
const MAX_PARSED_ADDRESSES = 2048;

/**
 * An address in network order: 4 or 16 bytes; a zone is left out, whatever it is: no address that the
 * system gives is refused. Throws a RangeError.
 */
export function addressBytes(text: string): Uint8Array {
  const address = withoutZone(text);
  let bytes = parsedAddresses.get(address);
  if (bytes === undefined) {
    const family = addressFamily(address);
    if (family === undefined) {
      throw new RangeError(`not an IP address: ${text}`);
    }
    const parsed = family === 4 ? ipaddr.IPv4.parse(address) : ipaddr.IPv6.parse(address);
    bytes = Uint8Array.from(parsed.toByteArray());
    if (parsedAddresses.size >= MAX_PARSED_ADDRESSES) {
      parsedAddresses.clear();
    }
    parsedAddresses.set(address, bytes);
  }
  return bytes.slice();
}

/** The text of an address of 4 or 16 bytes. Throws a RangeError on any other length. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length !== ADDRESS_LENGTH[4] && bytes.length !== ADDRESS_LENGTH[6]) {
    throw new RangeError(`an address has 4 or 16 bytes, got ${bytes.length}`);
  }
  const parsed = ipaddr.fromByteArray([...bytes]);
  return parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : parsed.toString();
}

/** Decodes 6 or 18 bytes; undefined when there are more or fewer. */
export function decodeEndpoint(bytes: Uint8Array): Endpoint | undefined {
  if (bytes.length !== ENDPOINT_LENGTH[4] && bytes.length !== ENDPOINT_LENGTH[6]) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const port = view.getUint16(bytes.length - 2);
  return {
    address: formatAddress(bytes.subarray(0, -2)),
    port,
    family: bytes.length === ENDPOINT_LENGTH[4] ? 4 : 6,
  };
}

function canonicalIpv6(text: string): string {
  const zone = zoneOf(text);
  const canonical = ipaddr.IPv6.parse(withoutZone(text)).toRFC5952String();
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}
