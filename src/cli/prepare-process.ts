import { addonProblem } from '../socket/batch-socket.js';
import { followParent, hardenProcess } from '../socket/process.js';

/**
 * What is common to all commands before they do anything: keys do not end up in core dumps, and under
 * `npx` or `npm run` the process ends with npm's shell, which passes no signal on. Without the addon neither
 * is possible; the commands that need it say so.
 */
export function prepareProcess(): void {
  if (addonProblem() !== undefined) {
    return;
  }
  hardenProcess();
  const isUnderNpm = process.env['npm_command'] !== undefined;
  if (isUnderNpm && !followParent()) {
    process.kill(process.pid, 'SIGTERM');
  }
}
