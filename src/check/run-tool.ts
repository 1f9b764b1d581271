import { startProgram } from '../socket/program.js';
import { findExecutable, TOOL_ENVIRONMENT } from '../wireguard/executable.js';

const LIMITS = { maxBytes: 16 * 1024 * 1024, timeoutMs: 3000 } as const;

/** What a tool that only reads prints; undefined if it is missing, fails, or takes too long. */
export async function outputOf(tool: string, args: readonly string[]): Promise<string | undefined> {
  const file = findExecutable(tool);
  if (file === undefined) {
    return undefined;
  }
  const { end } = startProgram(file, args, { environment: TOOL_ENVIRONMENT, ...LIMITS });
  const ended = await end.catch(() => undefined);
  return ended?.code === 0 ? ended.stdout.toString() : undefined;
}
