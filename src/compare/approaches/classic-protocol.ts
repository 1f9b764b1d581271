import type { LabHost, LabProcess } from '../../lab/index.js';
import { CLASSIC_PORT, decodeClassicReply, encodeClassicRequest } from '../../wire/classic.js';
import { formatEndpoint } from '../../wire/endpoint.js';
import { parsePublicKey } from '../../wire/key.js';
import type { AgentStarter } from '../agents/agent.js';
import { type ComparedLab, type FakePeer, fakePeers, type LoadedServer } from '../approach.js';
import type { StrangerResult } from '../results.js';

/*
 * The measures of any server that speaks the classic protocol.
 */

const QUESTION = { tries: 3, waitMs: 400, timeoutMs: 10_000 } as const;

/** Asks for host b with an unknown key. */
export async function askClassic(
  agents: AgentStarter,
  stranger: LabHost,
  lab: ComparedLab,
): Promise<StrangerResult> {
  const { timeoutMs, ...patience } = QUESTION;
  const [own] = fakePeers(1);
  const wanted = lab.host('b').wireguard.publicKey;
  const datagrams = [request((own as FakePeer).publicKey, wanted)];
  const site = { address: lab.rendezvous.address, port: CLASSIC_PORT };
  const { answers } = await agents.run(
    stranger,
    'exchange',
    { ...site, ...patience, datagrams },
    timeoutMs,
  );
  const [answer] = answers;
  const reply = answer == null ? undefined : decodeClassicReply(Buffer.from(answer, 'base64'), 4);
  const disclosed = reply !== undefined && reply !== 'unknown';
  return {
    asked: 'classic request from an unknown key for the key of b',
    answer: disclosed ? formatEndpoint(reply) : answer == null ? 'no answer' : 'unknown',
    endpointsDisclosed: disclosed,
  };
}

/** Describes the load of a server: each of the peers registers, and asks for another one. */
export function loadedClassicServer(process: LabProcess, peers: number): LoadedServer {
  const keys = fakePeers(peers).map(({ publicKey }) => publicKey);
  const requests = keys.map((key, index) =>
    request(key, keys[(index + 1 + (keys.length >> 1)) % keys.length] as string),
  );
  return {
    process,
    port: CLASSIC_PORT,
    script: { requests },
    isCorrect: ({ lengths }) => Object.keys(lengths).every((length) => length === '6'),
  };
}

function request(mine: string, theirs: string): string {
  const bytes = encodeClassicRequest(parsePublicKey(mine), parsePublicKey(theirs));
  return Buffer.from(bytes).toString('base64');
}
