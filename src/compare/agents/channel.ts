/** The stdio of an agent. */
export interface AgentChannel {
  /** The lines of its stdin after the job. */
  readonly lines: AsyncIterable<string>;
  /** Writes a report: one line of JSON on stdout. */
  report(report: object): void;
}
