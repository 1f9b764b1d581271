import type { Agents } from './agent.js';
import type { AgentChannel } from './channel.js';
import { exchange } from './exchange.js';
import { load } from './load.js';
import type { AgentName } from './names.js';
import { sealedPeers } from './sealed-peers.js';

const RUNS: {
  readonly [Name in AgentName]: (job: Agents[Name]['job'], channel: AgentChannel) => Promise<void>;
} = { exchange, load, 'sealed-peers': sealedPeers };

/** Runs an agent in this process. The job comes from our own program, through a pipe. */
export async function runAgent(name: AgentName, job: object, channel: AgentChannel): Promise<void> {
  await (RUNS[name] as (job: object, channel: AgentChannel) => Promise<void>)(job, channel);
}
