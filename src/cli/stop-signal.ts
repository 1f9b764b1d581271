import { terminalIsClosed } from './terminal.js';

/**
 * A signal this soon after the first is the same key press: the terminal sends SIGINT to the whole
 * foreground group, and npm passes it on once more.
 */
const SAME_PRESS_MS = 1000;

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Aborts at the first SIGINT or SIGTERM, when the terminal is closed, and when the reader of stdout is gone.
 * A second signal, after a second, ends the process at once.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let stoppedAt = Number.POSITIVE_INFINITY;
  const stop = () => {
    stoppedAt = Math.min(stoppedAt, performance.now());
    controller.abort();
  };
  for (const name of STOP_SIGNALS) {
    process.on(name, () => {
      if (performance.now() >= stoppedAt + SAME_PRESS_MS) {
        process.removeAllListeners(name);
        process.kill(process.pid, name);
      }
      stop();
    });
  }
  process.on('SIGHUP', () => {
    // Any other SIGHUP is not about stopping.
    if (terminalIsClosed()) {
      stop();
    }
  });
  for (const stream of [process.stdout, process.stderr]) {
    // Without a listener an error of the stream would end the process with a stack trace.
    stream.on('error', stop);
  }
  return controller.signal;
}
