import { isatty } from 'node:tty';

const terminals = [0, 1, 2].filter((fd) => isatty(fd));

/** Whether this process had a terminal that is closed now. */
export function terminalIsClosed(): boolean {
  return terminals.some((fd) => !isatty(fd));
}

/**
 * Ends the process: with the code, or by SIGHUP where its terminal is closed, because Node aborts there when
 * it resets the terminal's mode.
 */
export function endProcess(code: number): void {
  if (terminalIsClosed()) {
    process.removeAllListeners('SIGHUP');
    process.kill(process.pid, 'SIGHUP');
  }
  process.exit(code);
}
