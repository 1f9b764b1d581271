import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { EXIT } from './exit-code.js';

/** Set in the daemon's environment: the PID of the process that started it. */
const MARK = 'WG_RENDEZVOUS_STARTED_BY';
const RUN_FOLDER = '/run/wg-rendezvous';
/** The longest that a client needs for its first look at the interface, with a `wg` that hangs. */
const START_LIMIT_MS = 30_000;

const startedBy = process.env[MARK];
delete process.env[MARK];

/** Whether this process was started by `startDaemon`. */
export function isDaemon(): boolean {
  return startedBy === `${process.ppid}` && process.send !== undefined;
}

/**
 * Runs this command again, in a session of its own, and waits until it is ready or has ended. Passes its stderr
 * on until then.
 * @returns the exit code
 */
export function startDaemon(): Promise<number> {
  const { npm_command: _, ...environment } = process.env;
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...environment, [MARK]: `${process.pid}` },
  });
  child.stderr?.on('data', (text) => process.stderr.write(text));
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the daemon was not ready within ${START_LIMIT_MS / 1000} s`));
    }, START_LIMIT_MS);
    child.once('message', () => {
      clearTimeout(limit);
      child.stderr?.destroy();
      child.unref();
      resolve(EXIT.ok);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve(code ?? EXIT.failed);
    });
  });
}

/** Reports to the process that started this daemon that it is ready, and detaches. Throws if there is no pid file. */
export function daemonIsReady(interfaceName: string): void {
  writePidFile(interfaceName);
  process.chdir('/');
  process.send?.('ready', () => process.disconnect?.());
}

/** Where the PID of a daemon is. */
export function pidFile(interfaceName: string): string {
  return `${RUN_FOLDER}/${interfaceName}.pid`;
}

/** Removes the pid file, unless it is that of another process. */
export function removePidFile(interfaceName: string): void {
  const path = pidFile(interfaceName);
  try {
    if (readFileSync(path, 'latin1').trim() === `${process.pid}`) {
      rmSync(path);
    }
  } catch {
    // Already gone.
  }
}

/** Under a temporary name first: a reader of the file finds a whole number or nothing. */
function writePidFile(interfaceName: string): void {
  const path = pidFile(interfaceName);
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(RUN_FOLDER, { recursive: true, mode: 0o755 });
    writeFileSync(temporary, `${process.pid}\n`, { mode: 0o644, flag: 'wx' });
    renameSync(temporary, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`cannot write the pid file ${path} (${code}): is /run writable?`);
  }
}
