import type { LabHost, LabProcess } from '../../lab/index.js';
import { CLASSIC_PORT, decodeClassicReply, encodeClassicRequest } from '../../wire/classic.js';
import { formatEndpoint } from '../../wire/endpoint.js';
import { parsePublicKey } from '../../wire/key.js';
import type { AgentStarter } from '../agents/agent.js';
import type { ComparedLab, Crowd, FakePeer } from '../approach.js';
import { fakePeers } from '../fake-peers.js';
import type { RateResult, StrangerResult } from '../results.js';
import { measureLoad, rateOf } from './load-measure.js';

/*
 * What the comparison does to any server of the classic protocol.
 */

const INTRODUCTION = { tries: 10, waitMs: 300, timeoutMs: 20_000 } as const;
const QUESTION = { tries: 3, waitMs: 400, timeoutMs: 10_000 } as const;

/** Registers each peer from a port of its own. */
export async function introduceClassic(
  agents: AgentStarter,
  peers: readonly FakePeer[],
  { lab, host, asker }: Crowd,
): Promise<void> {
  const { timeoutMs, ...patience } = INTRODUCTION;
  const datagrams = peers.map(({ publicKey }) => request(publicKey, asker.wireguard.publicKey));
  const site = { address: lab.rendezvous.address, port: CLASSIC_PORT };
  const { answers } = await agents.run(
    host,
    'exchange',
    { ...site, ...patience, datagrams },
    timeoutMs,
  );
  const missing = answers.filter((answer) => answer === null).length;
  if (missing > 0) {
    throw new Error(`the server did not take ${missing} of ${peers.length} peers`);
  }
}

/** Asks for host b under a key that nobody knows. */
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
  const told = answer == null ? undefined : decodeClassicReply(Buffer.from(answer, 'base64'), 4);
  const disclosed = told !== undefined && told !== 'unknown';
  return {
    asked: 'classic request from an unknown key for the key of b',
    answer: disclosed ? formatEndpoint(told) : answer == null ? 'no answer' : 'unknown',
    endpointsDisclosed: disclosed,
  };
}

/** Requests a second of a server on 127.0.0.1 of the rendezvous host, each from a known key for a known key. */
export async function measureClassicRate(
  agents: AgentStarter,
  { rendezvous }: ComparedLab,
  server: LabProcess,
  peers: number,
  seconds: number,
): Promise<RateResult> {
  const keys = fakePeers(peers).map(({ publicKey }) => publicKey);
  const requests = keys.map((key, index) =>
    request(key, keys[(index + 1 + (keys.length >> 1)) % keys.length] as string),
  );
  const job = { port: CLASSIC_PORT, talk: { requests }, seconds };
  const report = await measureLoad(agents, rendezvous, server, job);
  const wrong = Object.keys(report.lengths).filter((length) => length !== '6');
  if (wrong.length > 0) {
    throw new Error(`wrong answers: ${JSON.stringify(report.lengths)}`);
  }
  return rateOf(report);
}

function request(mine: string, theirs: string): string {
  const bytes = encodeClassicRequest(parsePublicKey(mine), parsePublicKey(theirs));
  return Buffer.from(bytes).toString('base64');
}
