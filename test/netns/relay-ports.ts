import type { Lab } from '../../src/lab/index.js';
import { DEFAULT_RELAY } from '../../src/server/options.js';

const { first, count } = DEFAULT_RELAY.ports;

/** The default relay ports of a server. */
export const FIRST_RELAY_PORT = first;
export const LAST_RELAY_PORT = first + count - 1;

/** The relay ports to which two hosts send their packets to each other; undefined for a host that sends elsewhere. */
export async function relayPorts<Name extends string>(
  lab: Lab<Name>,
  [a, b]: readonly [Name, Name],
): Promise<(number | undefined)[]> {
  const { addresses } = lab.rendezvous;
  const ways = [
    [a, b],
    [b, a],
  ] as const;
  return Promise.all(
    ways.map(async ([from, to]) => {
      const endpoint = await lab.host(from).wireguard.endpointOf(lab.host(to).wireguard.publicKey);
      const { address = '', family = 4, port = 0 } = endpoint ?? {};
      const isRelayed =
        addresses[family].includes(address) && port >= FIRST_RELAY_PORT && port <= LAST_RELAY_PORT;
      return isRelayed ? port : undefined;
    }),
  );
}
