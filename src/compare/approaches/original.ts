import type { Approach, ReadyApproach, Tools } from '../approach.js';
import { OriginalPrograms } from '../original-programs.js';
import { askClassic, loadedClassicServer } from './classic-protocol.js';

/** Jason Donenfeld's example, compiled from Debian's wireguard-tools. */
export function original(tools: Tools): Approach {
  return {
    name: 'original',
    summary: 'nat-hole-punching from the examples of wireguard-tools',
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
    startServer: ({ rendezvous }) => programs.startServer(rendezvous),
    startClient: (host, { address }) => programs.startClient(host, address),
    askAsStranger: async (stranger, lab) => [await askClassic(agents, stranger, lab)],
    startLoadedServer: async ({ rendezvous }, peers) =>
      loadedClassicServer(await programs.startServer(rendezvous), peers),
    async [Symbol.asyncDispose]() {
      programs[Symbol.dispose]();
    },
  };
}
