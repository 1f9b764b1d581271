import { createInterface } from 'node:readline';
import { Argument, Command } from 'commander';
import { AGENT_COMMAND, AGENT_NAMES, type AgentName } from '../compare/agents/names.js';
import { EXIT } from './exit-code.js';

/** `lab-agent`: the programs that the comparison runs inside its lab; not for users. */
export function labAgentCommand(exit: (code: number) => void): Command {
  return new Command(AGENT_COMMAND)
    .description('part of `compare`')
    .addArgument(new Argument('<name>', 'which agent').choices(AGENT_NAMES))
    .action(async (name: AgentName) => {
      const { runAgent } = await import('../compare/agents/index.js');
      const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
      const job = JSON.parse((await lines.next()).value as string) as object;
      await runAgent(name, job, {
        lines: { [Symbol.asyncIterator]: () => lines },
        report: (report) => process.stdout.write(`${JSON.stringify(report)}\n`),
      });
      exit(EXIT.ok);
    });
}
