import { createLab, type LabProcess } from '../../lab/index.js';
import { CLASSIC_PORT } from '../../wire/classic.js';
import type { Approach, ComparedLab, ReadyApproach } from '../approach.js';
import type { Tools } from '../tools.js';
import { askClassic, introduceClassic, measureClassicRate } from './classic-protocol.js';

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
    ports: [CLASSIC_PORT],
    startServer,
    startClient: (host, { address }) =>
      ours.spawn(host, ['client', host.wireguard.interface, address]),
    introduce: (peers, crowd) => introduceClassic(agents, peers, crowd),
    askAsStranger: async (stranger, lab) => [await askClassic(agents, stranger, lab)],
    async measureRate(peers, seconds) {
      await using lab = await createLab({ hosts: {} });
      const server = await startServer(lab);
      return await measureClassicRate(agents, lab, server, peers, seconds);
    },
    async [Symbol.asyncDispose]() {},
  };
}
