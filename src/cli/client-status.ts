import type { Client } from '../client/client.js';
import type { NatFacts } from '../client/status/nat-facts.js';
import { STATUS_FORMAT, type Status } from '../client/status/status.js';
import { type StatusBook, timeText } from '../client/status/status-book.js';
import { type Endpoint, formatEndpoint } from '../wire/endpoint.js';
import { formatPublicKey } from '../wire/key.js';
import type { Device } from '../wireguard/device.js';
import { version } from './version.js';

/** What `wg-rendezvous status` shows of this client. */
export function makeStatus(
  name: string,
  client: Client,
  book: StatusBook,
  startedAt: number,
): Status {
  const { device } = client;
  const { counts, peers, problems } = book.report;
  return {
    format: STATUS_FORMAT,
    version: version(),
    time: timeText(Date.now()),
    pid: process.pid,
    startedAt: timeText(startedAt),
    interface: name,
    ...(device === undefined ? {} : interfaceStatus(device)),
    servers: client.servers,
    ...mappingOf(client.observed),
    ...natOf(client.nat),
    counts,
    peers,
    problems,
  };
}

function mappingOf(observed: readonly Endpoint[]): Pick<Status, 'mapping'> {
  const entries = observed.map((one) => [`ipv${one.family}`, formatEndpoint(one)] as const);
  return entries.length === 0 ? {} : { mapping: Object.fromEntries(entries) };
}

function natOf(nat: NatFacts): Pick<Status, 'nat'> {
  return Object.keys(nat).length === 0 ? {} : { nat };
}

function interfaceStatus({ publicKey, listenPort, fwmark }: Device) {
  const key = publicKey && formatPublicKey(publicKey);
  return { ...(key === undefined ? {} : { publicKey: key }), listenPort, fwmark };
}
