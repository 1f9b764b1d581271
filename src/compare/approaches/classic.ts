import type { LabProcess } from '../../lab/index.js';
import type { Approach, ComparedLab, ReadyApproach, Tools } from '../approach.js';
import { askClassic, loadedClassicServer } from './classic-protocol.js';

/** Our server and client, with the protocol of the original. */
export function classic(tools: Tools): Approach {
  return {
    name: 'classic',
    summary: 'wg-rendezvous with the 64-byte protocol of nat-hole-punching',
    needs: {
      server: 'nothing: peers register themselves',
      client: "the server's address",
      root: 'client: a raw socket and `wg set`; server: none',
    },
    prepare: async () => ready(tools),
  };
}

function ready({ agents, ours }: Tools): ReadyApproach {
  const startServer = async ({ rendezvous }: ComparedLab): Promise<LabProcess> => {
    const server = ours.spawn(rendezvous, ['server']);
    await server.waitForOutput(/listening on \[/);
    return server;
  };
  return {
    registry: false,
    startServer,
    startClient: (host, { address }) =>
      ours.spawn(host, ['client', host.wireguard.interface, address]),
    askAsStranger: async (stranger, lab) => [await askClassic(agents, stranger, lab)],
    startLoadedServer: async (lab, peers) => loadedClassicServer(await startServer(lab), peers),
    async [Symbol.asyncDispose]() {},
  };
}
