import type { LabHost, LabProcess } from '../../lab/index.js';
import type { ExchangeJob, ExchangeReport } from './exchange.js';
import type { LoadJob, LoadReport } from './load.js';
import { AGENT_COMMAND, type AgentName } from './names.js';
import type { RelayJob, RelayReport } from './relay.js';
import type { SealedPeersJob, SealedPeersReport } from './sealed-peers.js';

/*
 * Agents are programs of the lab: they run in a namespace, as a hidden command of ours. The first line
 * of their stdin is their job, each line of their stdout a report; both are JSON.
 */

/** What each agent is told, and what it reports. */
export interface Agents extends Readonly<Record<AgentName, object>> {
  readonly relay: { readonly job: RelayJob; readonly report: RelayReport };
  readonly exchange: { readonly job: ExchangeJob; readonly report: ExchangeReport };
  readonly 'sealed-peers': { readonly job: SealedPeersJob; readonly report: SealedPeersReport };
  readonly load: { readonly job: LoadJob; readonly report: LoadReport };
}

/** The stdio of an agent. */
export interface AgentChannel {
  /** The lines of its stdin after the job. */
  readonly lines: AsyncIterable<string>;
  say(report: object): void;
}

const START_TIMEOUT_MS = 10_000;

/** Starts agents on hosts of a lab. */
export class AgentStarter {
  readonly #program: string;

  /** `program` is the JavaScript file of our own command line. */
  constructor(program: string) {
    this.#program = program;
  }

  /** Starts an agent that goes on until it is stopped; done when it has said its first line. */
  async start<Name extends AgentName>(
    host: LabHost,
    name: Name,
    job: Agents[Name]['job'],
  ): Promise<LabProcess> {
    const agent = this.#spawn(host, name, job);
    await agent.waitForOutput(/\n/, { timeoutMs: START_TIMEOUT_MS });
    return agent;
  }

  /** Runs an agent to its end, and gives its report. */
  async run<Name extends AgentName>(
    host: LabHost,
    name: Name,
    job: Agents[Name]['job'],
    timeoutMs: number,
  ): Promise<Agents[Name]['report']> {
    await using agent = this.#spawn(host, name, job);
    const [line] = await agent.waitForOutput(/.*\n/, { timeoutMs });
    return JSON.parse(line) as Agents[Name]['report'];
  }

  #spawn(host: LabHost, name: AgentName, job: object): LabProcess {
    const agent = host.spawn(process.execPath, [this.#program, AGENT_COMMAND, name]);
    agent.write(`${JSON.stringify(job)}\n`);
    return agent;
  }
}
