import type { LabProcess } from '../../lab/index.js';
import { DNS_PORT } from '../../wire/dns-message.js';
import type { Approach, ComparedLab, ReadyApproach, Tools } from '../approach.js';
import { digAsStranger, loadedRegistry, ZONE } from './dns-registry.js';

const TUNNEL_ONLY_PORT = 5300;

/** Our registry and client of the DNS-SD approach. Clients send their queries through the tunnel. */
export function dns(tools: Tools): Approach {
  return {
    name: 'dns',
    summary: 'wg-rendezvous dns: a registry with a tunnel to every peer, asked by DNS-SD',
    needs: {
      server: 'WireGuard with every peer: key and allowed IPs; a zone',
      client: 'WireGuard with the registry: key, endpoint, keepalive; zone and DNS address',
      root: 'client: `wg set`; server: `wg show`, and port 53 where it is that',
    },
    prepare: async () => ready(tools),
  };
}

function ready({ ours }: Tools): ReadyApproach {
  const startServer = async (
    { rendezvous }: ComparedLab,
    port = DNS_PORT,
    flags: readonly string[] = ['--public'],
  ): Promise<LabProcess> => {
    const { interface: name } = rendezvous.wireguard;
    const listen = ['--listen', `0.0.0.0:${port}`];
    const args = ['dns', 'server', '--zone', ZONE, '--interface', name, ...listen, ...flags];
    const server = ours.spawn(rendezvous, args);
    await server.waitForOutput(/listening on /);
    return server;
  };
  return {
    registry: true,
    startServer: (lab) => startServer(lab),
    startClient: (host, { tunnelAddress }) =>
      ours.spawn(host, [
        ...['dns', 'client', host.wireguard.interface],
        ...['--dns', `${tunnelAddress}:${DNS_PORT}`, '--zone', ZONE],
      ]),
    async askAsStranger(stranger, lab) {
      const open = await digAsStranger(stranger, lab);
      await startServer(lab, TUNNEL_ONLY_PORT, []);
      const note = ', server without --public';
      return [open, await digAsStranger(stranger, lab, { port: TUNNEL_ONLY_PORT, note })];
    },
    startLoadedServer: (lab, peers) =>
      loadedRegistry(lab, peers, (l) =>
        startServer(l, DNS_PORT, ['--public', '--reply-rate', '0']),
      ),
    async [Symbol.asyncDispose]() {},
  };
}
