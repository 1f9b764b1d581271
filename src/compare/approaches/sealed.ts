import { createLab, type LabHost, type LabProcess } from '../../lab/index.js';
import { TemporaryFolder } from '../../lab/temporary-folder.js';
import { CLASSIC_PORT } from '../../wire/classic.js';
import type { Approach, ComparedLab, Crowd, FakePeer, ReadyApproach } from '../approach.js';
import { fakePeers } from '../fake-peers.js';
import type { RateResult, StrangerResult } from '../results.js';
import type { Tools } from '../tools.js';
import { askClassic } from './classic-protocol.js';
import { measureLoad, rateOf } from './load-measure.js';

const KEY_FILE = 'key';
const ASK_TIMEOUT_MS = 10_000;
/** A client is allowed 500 messages a second, a source 100 handshakes: too few for a measurement of what can be done. */
const UNLIMITED = ['--client-rate', '0', '--handshake-rate', '0'];

/** Our server and client, with the sealed protocol. */
export function sealed(tools: Tools): Approach {
  return {
    name: 'sealed',
    summary: 'wg-rendezvous with the sealed protocol',
    needs: {
      server: 'nothing: peers register themselves; it makes its key itself',
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

/** Has a server make its key, and gives the public one. */
async function makeKey({ ours }: Tools, keyFile: string): Promise<string> {
  await using lab = await createLab({ hosts: {} });
  const server = ours.spawn(lab.rendezvous, ['server', '--key', keyFile]);
  return (await server.waitForOutput(/^public key (.{44})$/m))[1] as string;
}

class Sealed implements ReadyApproach {
  readonly registry = false;
  readonly ports = [CLASSIC_PORT];
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

  async introduce(peers: readonly FakePeer[], { lab, host, asker }: Crowd): Promise<void> {
    const job = this.#asking(lab, asker.wireguard.publicKey, peers);
    const agent = await this.#tools.agents.start(host, 'sealed-peers', job);
    const { silent } = JSON.parse(agent.stdout) as { silent: number };
    if (silent > 0) {
      throw new Error(`the server did not take ${silent} of ${peers.length} peers`);
    }
  }

  async askAsStranger(stranger: LabHost, lab: ComparedLab): Promise<StrangerResult[]> {
    const wanted = lab.host('b').wireguard.publicKey;
    const job = this.#asking(lab, wanted, fakePeers(1));
    const { agents } = this.#tools;
    const { answers, silent } = await agents.run(stranger, 'sealed-peers', job, ASK_TIMEOUT_MS);
    const told = answers[0] ?? undefined;
    return [
      await askClassic(agents, stranger, lab),
      {
        asked: 'sealed session of a key that b does not list, asking for b',
        answer: told ?? (silent > 0 ? 'no answer' : 'nothing to say about b'),
        endpointsDisclosed: told !== undefined,
      },
    ];
  }

  async measureRate(peers: number, seconds: number): Promise<RateResult> {
    await using lab = await createLab<string>({ hosts: {} });
    const server = await this.startServer(lab, UNLIMITED);
    const talk = { serverKey: this.#serverKey, peers };
    const job = { port: CLASSIC_PORT, seconds, talk };
    const report = await measureLoad(this.#tools.agents, lab.rendezvous, server, job);
    if (!report.sample?.startsWith('127.')) {
      throw new Error(`wrong answers: ${report.sample}`);
    }
    return rateOf(report);
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
