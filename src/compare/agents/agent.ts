import type { LabHost, LabProcess } from '../../lab/index.js';
import type { ExchangeJob, ExchangeReport } from './exchange.js';
import type { LoadJob, LoadReport } from './load.js';
import { AGENT_COMMAND, type AgentName } from './names.js';
import type { SealedPeersJob, SealedPeersReport } from './sealed-peers.js';

/*
 * Agents are programs of the lab: they run in a namespace, as a hidden command of ours. The first line
 * of their stdin is their job, each line of their stdout a report; both are JSON.
 */

/** The job and the report of each agent. */
export interface Agents extends Readonly<Record<AgentName, object>> {
  readonly exchange: { readonly job: ExchangeJob; readonly report: ExchangeReport };
  readonly 'sealed-peers': { readonly job: SealedPeersJob; readonly report: SealedPeersReport };
  readonly load: { readonly job: LoadJob; readonly report: LoadReport };
}

/** Starts agents on hosts of a lab. */
export class AgentStarter {
  readonly #program: string;

  /** `program` is the JavaScript file of our own command line. */
  constructor(program: string) {
    this.#program = program;
  }

  /** Runs an agent to its end and returns its report. */
  async run<Name extends AgentName>(
    host: LabHost,
    name: Name,
    job: Agents[Name]['job'],
    timeoutMs: number,
  ): Promise<Agents[Name]['report']> {
    await using agent = this.#spawn(host, name, job);
    return await firstReport<Name>(agent, timeoutMs);
  }

  #spawn(host: LabHost, name: AgentName, job: object): LabProcess {
    const agent = host.spawn(process.execPath, [this.#program, AGENT_COMMAND, name]);
    agent.write(`${JSON.stringify(job)}\n`);
    return agent;
  }
}

async function firstReport<Name extends AgentName>(
  agent: LabProcess,
  timeoutMs: number,
): Promise<Agents[Name]['report']> {
  const [line] = await agent.waitForOutput(/.*\n/, { timeoutMs });
  return JSON.parse(line) as Agents[Name]['report'];
}
