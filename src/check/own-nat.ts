import type { NatFacts } from '../client/status/nat-facts.js';
import type { Status } from '../client/status/status.js';
import { formatEndpoint, parseEndpoint } from '../wire/endpoint.js';
import { isInPrefix } from '../wire/prefix.js';
import type { ProbeFacts } from './facts.js';

/** The space between a subscriber's router and a carrier's NAT (RFC 6598). */
const SHARED_SPACE = '100.64.0.0/10';

/** What is known of this host's NATs: by the running client, and by where servers see it. Pure. */
export function natOf(
  client: Status | 'none',
  probes: readonly ProbeFacts[],
  localAddresses: readonly string[],
): NatFacts {
  const known = client === 'none' ? undefined : client.nat;
  const seen = probes
    .filter(({ endpoint }) => endpoint.family === 4)
    .flatMap((one) => one.seenAs ?? []);
  const told = client === 'none' ? [] : Object.values(client.mapping ?? {}).map(parseEndpoint);
  const isOutside = [...told, ...seen].some(({ address }) => localAddresses.includes(address));
  const ports = probes.filter((one) => one.fromWireguardPort && one.endpoint.family === 4);
  const mappings = new Set(ports.flatMap(({ seenAs }) => (seenAs ? [formatEndpoint(seenAs)] : [])));
  const servers = new Set(
    ports.filter(({ seenAs }) => seenAs).map((one) => formatEndpoint(one.endpoint)),
  );
  const mapping = isOutside
    ? 'none'
    : servers.size < 2
      ? undefined
      : mappings.size === 1
        ? 'endpoint-independent'
        : 'address-dependent';
  const isCarrier = localAddresses.some(
    (address) => address.includes('.') && isInPrefix(address, SHARED_SPACE),
  );
  return {
    ...(mapping === undefined ? {} : { mapping }),
    ...(isCarrier ? { carrierNat: true } : {}),
    ...known,
  };
}
