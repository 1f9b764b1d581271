import type { LabHost, LabProcess } from '../../lab/index.js';
import type { AgentStarter } from '../agents/agent.js';
import type { LoadJob, LoadReport } from '../agents/load.js';
import type { RateResult } from '../results.js';

/** For what comes before the measurement: every peer is registered, and asked for once. */
const MARGIN_MS = 120_000;

/** Puts a server under load, from its own host. */
export function measureLoad(
  agents: AgentStarter,
  host: LabHost,
  server: LabProcess,
  job: Omit<LoadJob, 'serverPid'>,
): Promise<LoadReport> {
  const serverPid = server.pid as number;
  return agents.run(host, 'load', { ...job, serverPid }, job.seconds * 1000 + MARGIN_MS);
}

export function rateOf({ perSecond, processorMicroseconds }: LoadReport): RateResult {
  return {
    perSecond: Math.round(perSecond),
    processorMicroseconds: Math.round(processorMicroseconds * 10) / 10,
  };
}
