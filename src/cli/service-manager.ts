import { execFile } from 'node:child_process';
import { addonProblem } from '../socket/batch-socket.js';
import { sendUnixDatagram } from '../socket/unix-datagram.js';

/** The tool of systemd that does the same, for want of our addon. */
const TOOL = '/usr/bin/systemd-notify';
const TOOL_LIMIT_MS = 5000;

/** A status line is renewed no more often. */
const STATUS_INTERVAL_MS = 1000;

/** Resolves when the message has left; never rejects. */
type Send = (lines: readonly string[]) => Promise<void>;

/**
 * Reports the state of this service to systemd, or another manager that set $NOTIFY_SOCKET (sd_notify(3)). Without
 * one it does nothing. Nothing here throws: a service does not end because nobody listens.
 */
export class ServiceManager {
  readonly #send: Send | undefined;
  /** Between two signs of life; half of what the manager waits for. */
  readonly #watchdogMs: number | undefined;
  #aliveAt = Number.NEGATIVE_INFINITY;
  #status = '';
  #statusAt = Number.NEGATIVE_INFINITY;
  #isReady = false;

  constructor(send: Send | undefined, watchdogMs?: number) {
    this.#send = send;
    this.#watchdogMs = watchdogMs;
  }

  /** The manager of this process; children do not inherit it. */
  static ofThisProcess(): ServiceManager {
    const { NOTIFY_SOCKET: path, WATCHDOG_USEC: limit, WATCHDOG_PID: pid } = process.env;
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) {
      delete process.env[name];
    }
    if (path === undefined || !/^[/@]./.test(path)) {
      return new ServiceManager(undefined);
    }
    const isWatched = /^\d+$/.test(limit ?? '') && (pid === undefined || pid === `${process.pid}`);
    const watchdogMs = isWatched ? Number(limit) / 2000 : undefined;
    return new ServiceManager(sender(path), watchdogMs || undefined);
  }

  /** The service has started: once, and again after each `reloading`. */
  ready(): void {
    this.#isReady = true;
    void this.#send?.(['READY=1', ...this.#statusLines()]);
    this.alive();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** The settings are read again, until the next `ready`. */
  reloading(): void {
    const monotonic = process.hrtime.bigint() / 1000n;
    void this.#send?.(['RELOADING=1', `MONOTONIC_USEC=${monotonic}`]);
  }

  /** Resolves, within seconds, when the manager has been notified. */
  async stopping(): Promise<void> {
    await this.#send?.(['STOPPING=1', 'STATUS=stopping']);
  }

  /** What the service does, in one line that `systemctl status` shows; sent from `ready` on. */
  status(text: string): void {
    const now = performance.now();
    if (!this.#isReady) {
      this.#status = text;
      return;
    }
    if (text !== this.#status && now - this.#statusAt >= STATUS_INTERVAL_MS) {
      this.#status = text;
      this.#statusAt = now;
      void this.#send?.(this.#statusLines());
    }
  }

  /** A sign of life, of which the watchdog gets as many as it needs. */
  alive(): void {
    const now = performance.now();
    if (this.#watchdogMs !== undefined && now - this.#aliveAt >= this.#watchdogMs) {
      this.#aliveAt = now;
      void this.#send?.(['WATCHDOG=1']);
    }
  }

  #statusLines(): string[] {
    return this.#status === '' ? [] : [`STATUS=${this.#status.replace(/\n/g, ' ')}`];
  }
}

/**
 * The addon's socket, and systemd's own tool without the addon. The tool is another process: systemd
 * believes it where the unit says NotifyAccess=all.
 */
function sender(path: string): Send {
  let before = Promise.resolve();
  let isWarned = false;
  const failed = (error: Error): void => {
    if (!isWarned) {
      isWarned = true;
      process.stderr.write(`cannot notify systemd: ${error.message}\n`);
    }
  };
  return (lines) => {
    if (addonProblem() === undefined) {
      try {
        sendUnixDatagram(path, lines.join('\n'));
      } catch (error) {
        failed(error as Error);
      }
      return before;
    }
    before = before.then(() => runTool(path, lines)).catch(failed);
    return before;
  };
}

function runTool(path: string, lines: readonly string[]): Promise<void> {
  const options = { env: { NOTIFY_SOCKET: path }, timeout: TOOL_LIMIT_MS };
  return new Promise((resolve, reject) => {
    execFile(TOOL, lines, options, (error) => (error === null ? resolve() : reject(error)));
  });
}
