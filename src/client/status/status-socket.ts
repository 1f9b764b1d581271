import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ControlSocket, readText, serveText } from '../../socket/control-socket.js';
import { RUN_FOLDER } from '../saved-addresses.js';
import { STATUS_FORMAT, type Status } from './status.js';

const SUFFIX = '.sock';
const TIMEOUT_MS = 3000;
/** A status of MAX_STATUS_PEERS has less than a quarter of it. */
const MAX_BYTES = 8 * 1024 * 1024;

/** Why there is no status to show. */
export class NoStatusError extends Error {
  override readonly name: string = 'NoStatusError';
}

/** No client runs there; one that was killed may have left its socket. */
export class NoClientError extends NoStatusError {
  override readonly name = 'NoClientError';
}

/**
 * Serves the status of a client on an interface, to root. Rejects with an error of one line if that is impossible,
 * such as on a read-only /run.
 */
export async function serveStatus(
  interfaceName: string,
  make: () => Status,
): Promise<ControlSocket> {
  const path = socketPath(interfaceName);
  try {
    mkdirSync(RUN_FOLDER, { recursive: true, mode: 0o755 });
    return await serveText(path, () => JSON.stringify(make()));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why =
      code === 'EADDRINUSE'
        ? `the client of an interface ${interfaceName} in another network namespace has it`
        : message;
    throw new Error(
      `wg-rendezvous status cannot ask this client: ${path} cannot be used (${code}): ${why}; going on`,
      { cause },
    );
  }
}

/** The status of the client that runs on an interface. Rejects with a NoStatusError. */
export async function readStatus(interfaceName: string): Promise<Status> {
  const path = socketPath(interfaceName);
  let text: string;
  try {
    text = await readText(path, { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES });
  } catch (cause) {
    throw explain(interfaceName, cause as NodeJS.ErrnoException, path);
  }
  try {
    const status = JSON.parse(text) as Status;
    if (status.format === STATUS_FORMAT) {
      return status;
    }
  } catch {
    // As a status of another format.
  }
  throw new NoStatusError(
    `the client on ${interfaceName} gave no status that this version reads: restart it with this version`,
  );
}

/** The interfaces on which clients run, or ran until they were killed. Throws a NoStatusError. */
export function interfacesWithStatus(): string[] {
  try {
    return readdirSync(RUN_FOLDER)
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => name.slice(0, -SUFFIX.length))
      .sort();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      return [];
    }
    throw new NoStatusError(`cannot read ${RUN_FOLDER} (${code}): run as root`, { cause });
  }
}

function socketPath(interfaceName: string): string {
  return join(RUN_FOLDER, `${interfaceName}${SUFFIX}`);
}

function explain(name: string, cause: NodeJS.ErrnoException, path: string): NoStatusError {
  switch (cause.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new NoClientError(
        `no client runs on ${name}: start one (wg-rendezvous client ${name} SERVER)`,
        { cause },
      );
    case 'EACCES':
    case 'EPERM':
      return new NoStatusError(`may not ask the client on ${name}: run as root`, { cause });
    case 'ETIMEDOUT':
      return new NoStatusError(
        `the client on ${name} does not answer at ${path}: is its process stopped?`,
        { cause },
      );
    default:
      return new NoStatusError(`cannot ask the client on ${name}: ${cause.message}`, { cause });
  }
}
