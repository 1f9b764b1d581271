import { createLab } from '../../lab/index.js';
import type { AgentStarter } from '../agents/agent.js';
import type { ReadyApproach } from '../approach.js';
import type { RateResult } from '../results.js';

const SECONDS = 4;
const QUICK_SECONDS = 0.5;
/** For the preparations: every peer registers, and is looked up once. */
const MARGIN_MS = 120_000;

/** The numbers of peers that a server is loaded with. */
export const RATE_PEERS = [10, 1_000, 10_000];

/** Measures how many requests a second a server answers on loopback. Rejects on wrong answers. */
export async function measureRate(
  approach: ReadyApproach,
  agents: AgentStarter,
  peers: number,
  quick: boolean,
): Promise<RateResult> {
  const seconds = quick ? QUICK_SECONDS : SECONDS;
  await using lab = await createLab<string>({ hosts: {}, registry: approach.registry });
  const server = await approach.startLoadedServer(lab, peers);
  const { port, script } = server;
  const job = { port, script, seconds, serverPid: server.process.pid as number };
  const report = await agents.run(lab.rendezvous, 'load', job, seconds * 1000 + MARGIN_MS);
  if (!server.isCorrect(report)) {
    throw new Error(`wrong answers: ${JSON.stringify(report.lengths)}, one is ${report.sample}`);
  }
  return {
    perSecond: Math.round(report.perSecond),
    processorMicroseconds: Math.round(report.processorMicroseconds * 10) / 10,
  };
}
