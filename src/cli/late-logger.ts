import type { LogOptions } from './log-options.js';

export type LogTarget = 'stderr' | 'syslog';

/** The part of pino's logger that a client uses. */
export interface LineLogger {
  trace(fields: object, line: string): void;
  debug(fields: object, line: string): void;
  info(fields: object, line: string): void;
  warn(fields: object, line: string): void;
  error(fields: object, line: string): void;
}

/** Loading the logger takes longer than a packet to many servers, so it is done while an answer is on its way. */
const PATIENCE_MS = 30;

/**
 * A logger that is loaded when it has something to write. Until then its lines wait, in order; there are only as
 * many as a client writes in its first moments.
 */
export class LateLogger implements LineLogger {
  readonly #create: () => Promise<LineLogger>;
  #waiting: ((logger: LineLogger) => void)[] = [];
  #logger: LineLogger | undefined;
  #timer: NodeJS.Timeout | undefined;
  #loading: Promise<void> | undefined;

  constructor(
    options: LogOptions,
    to: LogTarget = 'stderr',
    create = () => createLogger(options, to),
  ) {
    this.#create = create;
  }

  trace(fields: object, line: string): void {
    this.#write((logger) => logger.trace(fields, line));
  }

  debug(fields: object, line: string): void {
    this.#write((logger) => logger.debug(fields, line));
  }

  info(fields: object, line: string): void {
    this.#write((logger) => logger.info(fields, line));
  }

  warn(fields: object, line: string): void {
    this.#write((logger) => logger.warn(fields, line));
  }

  error(fields: object, line: string): void {
    this.#write((logger) => logger.error(fields, line));
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#waiting.length > 0) {
      this.#loading ??= this.#load();
      await this.#loading;
    }
  }

  #write(entry: (logger: LineLogger) => void): void {
    if (this.#logger !== undefined) {
      entry(this.#logger);
      return;
    }
    this.#waiting.push(entry);
    this.#timer ??= setTimeout(() => void this.flush(), PATIENCE_MS);
  }

  async #load(): Promise<void> {
    const logger = await this.#create();
    for (const entry of this.#waiting) {
      entry(logger);
    }
    this.#waiting = [];
    this.#logger = logger;
  }
}

async function createLogger(options: LogOptions, to: LogTarget): Promise<LineLogger> {
  return (await import('./log.js')).createLogger(options, to);
}
