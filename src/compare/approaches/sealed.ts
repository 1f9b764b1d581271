import { createLab, type LabHost, type LabProcess } from '../../lab/index.js';
import { TemporaryFolder } from '../../lab/temporary-folder.js';
import { CLASSIC_PORT } from '../../wire/classic.js';
import {
  type Approach,
  type ComparedLab,
  type FakePeer,
  fakePeers,
  type LoadedServer,
  type ReadyApproach,
  type Tools,
} from '../approach.js';
import type { StrangerResult } from '../results.js';
import { askClassic } from './classic-protocol.js';

const KEY_FILE = 'key';
const ASK_TIMEOUT_MS = 10_000;
/** Without the limits for a client (500 messages a second) and a source (100 handshakes a second). */
const UNLIMITED = ['--client-rate', '0', '--handshake-rate', '0'];

/** Our server and client, with the sealed protocol. */
export function sealed(tools: Tools): Approach {
  return {
    name: 'sealed',
    summary: 'wg-rendezvous with the sealed protocol',
    needs: {
      server: 'nothing: peers register themselves, and it generates its key',
      client: "the server's address and public key",
      root: "client: a raw socket, `wg set`, and WireGuard's private key; server: none",
    },
    async prepare() {
      const folder = new TemporaryFolder('sealed');
      try {
        return new Sealed(tools, folder, await makeKey(tools, folder.file(KEY_FILE)));
      } catch (error) {
        folder[Symbol.dispose]();
        throw error;
      }
    },
  };
}

/** Lets a server generate its key, and returns the public key. */
async function makeKey({ ours }: Tools, keyFile: string): Promise<string> {
  await using lab = await createLab({ hosts: {} });
  const server = ours.spawn(lab.rendezvous, ['server', '--key', keyFile]);
  return (await server.waitForOutput(/^public key (.{44})$/m))[1] as string;
}

class Sealed implements ReadyApproach {
  readonly registry = false;
  readonly #tools: Tools;
  readonly #folder: TemporaryFolder;
  readonly #serverKey: string;

  constructor(tools: Tools, folder: TemporaryFolder, serverKey: string) {
    this.#tools = tools;
    this.#folder = folder;
    this.#serverKey = serverKey;
  }

  async startServer({ rendezvous }: ComparedLab, flags: readonly string[] = []) {
    const args = ['server', '--key', this.#folder.file(KEY_FILE), ...flags];
    const server = this.#tools.ours.spawn(rendezvous, args);
    await server.waitForOutput(/^public key /m);
    return server;
  }

  startClient(host: LabHost, { address }: { readonly address: string }): LabProcess {
    const key = ['--server-key', this.#serverKey];
    return this.#tools.ours.spawn(host, ['client', host.wireguard.interface, address, ...key]);
  }

  async askAsStranger(stranger: LabHost, lab: ComparedLab): Promise<StrangerResult[]> {
    const wanted = lab.host('b').wireguard.publicKey;
    const job = this.#asking(lab, wanted, fakePeers(1));
    const { agents } = this.#tools;
    const { answers, silent } = await agents.run(stranger, 'sealed-peers', job, ASK_TIMEOUT_MS);
    const endpoint = answers[0] ?? undefined;
    return [
      await askClassic(agents, stranger, lab),
      {
        asked: 'sealed session of a key that b does not list, asking for b',
        answer: endpoint ?? (silent > 0 ? 'no answer' : 'b is unknown'),
        endpointsDisclosed: endpoint !== undefined,
      },
    ];
  }

  async startLoadedServer(lab: ComparedLab, peers: number): Promise<LoadedServer> {
    return {
      process: await this.startServer(lab, UNLIMITED),
      port: CLASSIC_PORT,
      script: { serverKey: this.#serverKey, peers },
      isCorrect: ({ sample }) => sample?.startsWith('127.') ?? false,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#folder[Symbol.dispose]();
  }

  #asking({ rendezvous }: ComparedLab, wanted: string, peers: readonly FakePeer[]) {
    return {
      address: rendezvous.address,
      port: CLASSIC_PORT,
      serverKey: this.#serverKey,
      wanted,
      privateKeys: peers.map(({ privateKey }) => privateKey),
    };
  }
}
