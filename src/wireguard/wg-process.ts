import { spawn } from 'node:child_process';
import { TOOL_ENVIRONMENT } from './executable.js';
import { WgError } from './wg-error.js';
import { describeMissingWg, wgExecutable } from './wg-executable.js';

const TIMEOUT_MS = 5000;

/** What `wg` prints at most: a dump of 100 000 peers has 20 MB. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const MAX_MESSAGE_BYTES = 64 * 1024;

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
  const child = spawn(executable, args, {
    env: TOOL_ENVIRONMENT,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe', ...descriptors],
  });
  const kill = () => {
    child.kill('SIGKILL');
    // A `wg` that is a script may leave children that hold its output open.
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  const output = new Promise<Buffer>((resolve, reject) => {
    const stdout = collect(child.stdout, MAX_OUTPUT_BYTES, kill);
    const stderr = collect(child.stderr, MAX_MESSAGE_BYTES, kill);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, TIMEOUT_MS);
    const end = (settle: (printed: Buffer) => void) => {
      clearTimeout(timer);
      settle(stdout());
    };
    child.on('error', (error: NodeJS.ErrnoException) => end(() => reject(explainStart(error))));
    child.on('close', (code, signal) =>
      end((printed) => {
        if (code === 0) {
          resolve(printed);
          return;
        }
        printed.fill(0);
        reject(
          timedOut
            ? new WgError(
                'WG_TIMEOUT',
                `wg did not answer about ${interfaceName} within ${TIMEOUT_MS} ms`,
              )
            : explainExit(interfaceName, code ?? signal, stderr().toString()),
        );
      }),
    );
  });
  return { output, kill };
}

function failed(error: WgError): WgProcess {
  return { output: Promise.reject(error), kill() {} };
}

/** Collects a stream; the result takes its chunks as one buffer and overwrites them. */
function collect(
  stream: NodeJS.ReadableStream | null,
  maxBytes: number,
  tooMuch: () => void,
): () => Buffer {
  let chunks: Buffer[] = [];
  let bytes = 0;
  stream?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      chunk.fill(0);
      tooMuch();
    } else {
      chunks.push(chunk);
    }
  });
  return () => {
    const whole = Buffer.concat(chunks);
    for (const chunk of chunks) {
      chunk.fill(0);
    }
    chunks = [];
    return whole;
  };
}

function explainStart({ code, syscall }: NodeJS.ErrnoException): WgError {
  return code === 'ENOENT'
    ? new WgError('WG_TOOL_MISSING', describeMissingWg())
    : new WgError('WG_FAILED', `cannot run the wg tool ${wgExecutable()} (${code}, ${syscall})`);
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
