import type { AgentStarter } from './agents/agent.js';
import type { OurProgram } from './our-program.js';

/** What approaches run with. */
export interface Tools {
  readonly ours: OurProgram;
  readonly agents: AgentStarter;
  /** The files of the real wgsd, where they are given. */
  readonly wgsd: WgsdFiles | undefined;
}

export interface WgsdFiles {
  /** CoreDNS with the plugin. */
  readonly coredns: string;
  readonly client: string;
}
