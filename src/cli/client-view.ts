import type { ClientEvent } from '../client/client.js';
import type { Status } from '../client/status/status.js';
import type { LineLogger } from './late-logger.js';
import { peerLog } from './peer-log.js';

/** Where a client shows what it does. */
export interface View {
  observe(event: ClientEvent): void;
  /** Prints a result. */
  print(line: string): void;
  end(): void;
}

/** A log, and results on stdout. Those of a daemon, whose stdout nobody reads, are logged too. */
export function logView(
  logger: LineLogger,
  names: ReadonlyMap<string, string>,
  isDaemon: boolean,
): View {
  return {
    observe: peerLog(logger, names),
    print: isDaemon
      ? (line) => logger.info({}, line)
      : (line) => {
          process.stdout.write(`${line}\n`);
        },
    end() {},
  };
}

/** The status on this terminal. */
export async function liveView(status: () => Status): Promise<View> {
  const { LiveView } = await import('./live-view.js');
  return new LiveView(process.stdout, status);
}
