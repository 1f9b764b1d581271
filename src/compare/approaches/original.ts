import { createLab } from '../../lab/index.js';
import { CLASSIC_PORT } from '../../wire/classic.js';
import type { Approach, ReadyApproach } from '../approach.js';
import { OriginalPrograms } from '../original-programs.js';
import type { Tools } from '../tools.js';
import { askClassic, introduceClassic, measureClassicRate } from './classic-protocol.js';

/** Jason Donenfeld's example, compiled from Debian's wireguard-tools. */
export function original(tools: Tools): Approach {
  return {
    name: 'original',
    summary: "nat-hole-punching as it is in wireguard-tools' examples",
    needs: {
      server: 'nothing: peers register themselves',
      client: "the server's address; run again whenever a peer is to be found",
      root: 'client: a raw socket and `wg set`; server: none',
    },
    prepare: async () => ready(tools, await OriginalPrograms.compile()),
  };
}

function ready({ agents }: Tools, programs: OriginalPrograms): ReadyApproach {
  return {
    registry: false,
    ports: [CLASSIC_PORT],
    startServer: ({ rendezvous }) => programs.startServer(rendezvous),
    startClient: (host, { address }) => programs.startClient(host, address),
    introduce: (peers, crowd) => introduceClassic(agents, peers, crowd),
    askAsStranger: async (stranger, lab) => [await askClassic(agents, stranger, lab)],
    async measureRate(peers, seconds) {
      await using lab = await createLab({ hosts: {} });
      const server = await programs.startServer(lab.rendezvous);
      return await measureClassicRate(agents, lab, server, peers, seconds);
    },
    async [Symbol.asyncDispose]() {
      programs[Symbol.dispose]();
    },
  };
}
