import { isCarrierAddress, type NatFacts } from '../client/status/nat-facts.js';
import type { Status } from '../client/status/status.js';
import { formatEndpoint, parseEndpoint } from '../wire/endpoint.js';
import type { ProbeFacts } from './facts.js';

/**
 * What is known about this host's NATs: from the running client, which counts more, and from where servers see it.
 * Pure.
 */
export function natOf(
  client: Status | 'none',
  probes: readonly ProbeFacts[],
  localAddresses: readonly string[],
): NatFacts {
  const known = client === 'none' ? undefined : client.nat;
  const seen = probes
    .filter(({ endpoint }) => endpoint.family === 4)
    .flatMap((one) => one.seenAs ?? []);
  const mapped = client === 'none' ? [] : Object.values(client.mapping ?? {}).map(parseEndpoint);
  const isOutside = [...mapped, ...seen].some(({ address }) => localAddresses.includes(address));
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
  // Only the address that packets to a server leave from: other tunnels use this space, too.
  const isCarrier = probes.some(
    ({ route }) => route?.source !== undefined && isCarrierAddress(route.source),
  );
  return {
    ...(mapping === undefined ? {} : { mapping }),
    ...(isCarrier && mapping !== 'none' ? { carrierNat: true } : {}),
    ...known,
  };
}
