import { type Answer, type DecodedPacket, decode, encode, type Question } from 'dns-packet';
import type { RegistryServiceOptions, ZoneOptions } from '../../src/dns/options.js';
import { type DnsTransport, Responder, SILENCE } from '../../src/dns/responder.js';
import { Roster } from '../../src/dns/roster.js';
import { openRegistry, type RegistryService } from '../../src/dns/service.js';
import type { Signer } from '../../src/dns/signer.js';
import { Zone } from '../../src/dns/zone.js';
import { endpoint, parseEndpoint } from '../../src/wire/endpoint.js';
import { parsePublicKey, publicKey } from '../../src/wire/key.js';
import type { Device, Peer } from '../../src/wireguard/device.js';

/** The peers of wgsd's published example. */
export const FIRST = {
  key: 'xScVkH3fUGUv4RrJFfmcqm8rs3SEHr41km6+yffAHw4=',
  label: 'yutrled535igkl7bdlerl6m4vjxsxm3uqqpl4nmsn27mt56ad4ha====',
} as const;
export const SECOND = {
  key: 'syKB97XhGnvC+kynh2KqQJPXoOoOpx/HmpMRTc+r4js=',
  label: 'wmrid55v4enhxqx2jstyoyvkicj5pihkb2tr7r42smiu3t5l4i5q====',
} as const;
export const SERVICE = '_wireguard._udp.example.com';
export const FIRST_NAME = `${FIRST.label}.${SERVICE}`;
export const SECOND_NAME = `${SECOND.label}.${SERVICE}`;

/** A key that a number stands for. */
export function numberedKey(number: number) {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, number);
  return publicKey(bytes);
}

export function peer(
  key: string | number,
  endpoint: string | undefined,
  allowedIps: readonly string[] = ['10.0.0.1/32'],
): Peer {
  return {
    publicKey: typeof key === 'string' ? parsePublicKey(key) : numberedKey(key),
    endpoint: endpoint === undefined ? undefined : parseEndpoint(endpoint),
    allowedIps,
    latestHandshakeMs: 0,
    receivedBytes: 0,
    sentBytes: 0,
    persistentKeepalive: 0,
  };
}

export function device(peers: readonly Peer[]): Device {
  return { publicKey: numberedKey(99), listenPort: 51820, fwmark: 0, peers };
}

export const EXAMPLE = device([
  peer(FIRST.key, '2.2.2.2:41424'),
  peer(SECOND.key, '[2001:db8::3]:51820', ['10.0.0.2/32', '10.0.9.0/24']),
  peer(3, undefined),
]);

/** What a query is to be like; a plain one for example.com by default. */
export interface Asking {
  readonly transport?: DnsTransport;
  readonly local?: string | undefined;
  /** The EDNS size; absent: no EDNS. */
  readonly udpSize?: number;
  readonly dnssecOk?: boolean;
}

/** A registry without sockets. */
export class Registry {
  readonly roster = new Roster();
  readonly responder: Responder;

  constructor(
    state: Device | undefined = EXAMPLE,
    zones: readonly ZoneOptions[] = [{ name: 'example.com' }],
    signer?: Signer,
  ) {
    this.roster.update(state);
    const names = zones.map(({ name }) => name);
    const all = zones.map((zone, i) => new Zone(zone, this.roster, i, names));
    this.responder = new Responder(all, this.roster, signer);
  }

  /** Answers bytes; undefined if there is silence. */
  respond(query: Uint8Array, { transport = 'udp', local }: Asking = {}): Buffer | undefined {
    const buffer = Buffer.alloc(transport === 'udp' ? 1280 : 65535);
    buffer.set(query.subarray(0, buffer.length));
    const length = Math.min(query.length, buffer.length);
    const reply = this.responder.respond(buffer, length, transport, () => local);
    return reply === SILENCE ? undefined : buffer.subarray(0, reply);
  }

  ask(name: string, type: string, asking: Asking = {}): DecodedPacket {
    const reply = this.respond(query(name, type, asking), asking);
    return decode(reply as Buffer);
  }
}

export function query(
  name: string,
  type: string,
  { udpSize, dnssecOk = false }: Asking = {},
): Buffer {
  // Written out: dns-packet takes a size of 0 for none.
  const opt = [
    0,
    0,
    41,
    (udpSize ?? 0) >> 8,
    (udpSize ?? 0) & 255,
    0,
    0,
    dnssecOk ? 128 : 0,
    0,
    0,
    0,
  ];
  const message = encode({
    type: 'query',
    id: 0x1234,
    flags: 1 << 8,
    questions: [{ name, type } as Question],
  });
  message[11] = udpSize === undefined ? 0 : 1;
  return Buffer.concat([message, Buffer.from(udpSize === undefined ? [] : opt)]);
}

/** A record in a line: name, TTL, type, data. */
export function line(record: Answer): string {
  const { name, type, ttl, data } = record as { name: string; type: string; ttl: number } & {
    data: unknown;
  };
  return `${name} ${ttl} ${type} ${text(data)}`;
}

function text(data: unknown): string {
  if (Array.isArray(data)) {
    return data.map((it) => `"${it}"`).join(' ');
  }
  return typeof data === 'object' ? Object.values(data as object).join(' ') : String(data);
}

export function rcodeOf(packet: DecodedPacket): string {
  return (packet as DecodedPacket & { rcode: string }).rcode;
}

/** Opens a registry of the zone example.com at a port of 127.0.0.1, and of a device that is not there. */
export function openLocalRegistry(
  options: Partial<RegistryServiceOptions> = {},
  read: () => Promise<Device> = async () => EXAMPLE,
): Promise<RegistryService> {
  return openRegistry(
    {
      zones: [{ name: 'example.com' }],
      interfaceName: 'wg-none',
      listen: [endpoint('127.0.0.1', 0)],
      isPublic: true,
      ...options,
      read,
    },
    { onListening() {}, onProblem() {}, onDeviceProblem() {} },
  );
}
