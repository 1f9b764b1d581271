import { constants } from 'node:os';
import { type Program, startProgram } from '../socket/program.js';
import { TOOL_ENVIRONMENT } from './executable.js';
import { WgError } from './wg-error.js';
import { describeMissingWg, wgExecutable } from './wg-executable.js';

const TIMEOUT_MS = 5000;

/** What `wg` prints at most: a dump of 100 000 peers has 20 MB. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** A `wg` that is running. */
export interface WgProcess {
  /**
   * What it printed to stdout, once it has exited with 0: the only copy that this program keeps, which the
   * caller overwrites if it holds secrets. Rejects with a WgError.
   */
  readonly output: Promise<Buffer>;
  /** Ends it; `output` then rejects. */
  kill(): void;
}

/** Runs `wg` and waits for it, as startWg. */
export function runWg(interfaceName: string, args: readonly string[]): Promise<Buffer> {
  return startWg(interfaceName, args).output;
}

/**
 * Starts `wg` with a time limit of 5 s and with no shell.
 * @param interfaceName for error messages
 * @param descriptors become descriptors 3, 4, … of the child; the caller closes its own afterwards
 */
export function startWg(
  interfaceName: string,
  args: readonly string[],
  descriptors: readonly number[] = [],
): WgProcess {
  const executable = wgExecutable();
  if (executable === undefined) {
    return failed(new WgError('WG_TOOL_MISSING', describeMissingWg()));
  }
  const program = startProgram(executable, args, {
    environment: TOOL_ENVIRONMENT,
    descriptors,
    maxBytes: MAX_OUTPUT_BYTES,
    timeoutMs: TIMEOUT_MS,
  });
  return { output: outputOf(program, interfaceName), kill: program.kill };
}

async function outputOf({ end }: Program, interfaceName: string): Promise<Buffer> {
  const { code, signal, isLate, stdout, stderr } = await end.catch((error: Error) => {
    throw explainStart(error);
  });
  const said = stderr.toString();
  stderr.fill(0);
  if (code === 0) {
    return stdout;
  }
  stdout.fill(0);
  throw isLate
    ? new WgError('WG_TIMEOUT', `wg did not answer about ${interfaceName} within ${TIMEOUT_MS} ms`)
    : explainExit(interfaceName, code ?? signal, said);
}

function failed(error: WgError): WgProcess {
  return { output: Promise.reject(error), kill() {} };
}

function explainStart({ code, errno, syscall }: NodeJS.ErrnoException): WgError {
  if (code === 'ENOENT') {
    return new WgError('WG_TOOL_MISSING', describeMissingWg());
  }
  const what = `cannot run the wg tool ${wgExecutable()}`;
  return new WgError(
    'WG_FAILED',
    errno === -constants.errno.ENOEXEC
      ? `${what} (no program, and no script with #! in its first line)`
      : `${what} (${code}, ${syscall})`,
  );
}

/** A key in base64; `wg` prints those that it cannot use. */
const KEY = /[A-Za-z0-9+/]{42,}=*/g;

/**
 * Turns a failed call into one line. It has no cause on purpose: stdout may hold keys, and the arguments
 * do not belong in logs.
 */
function explainExit(name: string, exit: number | string | null, stderr: string): WgError {
  const lastLine = stderr.trim().split('\n').at(-1)?.replace(KEY, '(key)');
  const said = lastLine || `exit ${exit}`;
  if (/not permitted|permission denied/i.test(said)) {
    return new WgError(
      'WG_NOT_PERMITTED',
      `may not read or change ${name}: this needs CAP_NET_ADMIN, run as root`,
    );
  }
  if (/no such device/i.test(said)) {
    return new WgError('WG_NO_INTERFACE', `there is no interface ${name}`);
  }
  if (/not supported/i.test(said)) {
    return new WgError('WG_NOT_WIREGUARD', `${name} is not a WireGuard interface`);
  }
  return new WgError('WG_FAILED', `wg failed on ${name}: ${said}`);
}
