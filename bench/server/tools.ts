import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const COMPILE_TIMEOUT_MS = 120_000;
const NATIVE = fileURLToPath(new URL('../../../bench/server/native/', import.meta.url));
const ORIGINAL = '/usr/share/doc/wireguard-tools/examples/nat-hole-punching/nat-punch-server.c';

/** Paths of the compiled helpers, in a temporary folder. */
export interface Tools extends AsyncDisposable {
  /** The load generator. */
  readonly load: string;
  /** Sends prepared datagrams. */
  readonly replay: string;
  /** The server that does no work. */
  readonly echo: string;
  /** The original nat-punch-server, from Debian's wireguard-tools. */
  readonly original: string;
}

/** Compiles the load generator, the echo and the original server. Needs gcc, g++ and wireguard-tools. */
export async function buildTools(): Promise<Tools> {
  const folder = await mkdtemp(join(tmpdir(), 'wg-rendezvous-bench-'));
  const compile = async (compiler: string, source: string, name: string): Promise<string> => {
    const target = join(folder, name);
    await compileProgram(compiler, source, target);
    return target;
  };
  try {
    const [load, replay, echo, original] = await Promise.all([
      compile('g++', join(NATIVE, 'load.cc'), 'load'),
      compile('g++', join(NATIVE, 'replay.cc'), 'replay'),
      compile('g++', join(NATIVE, 'echo.cc'), 'echo'),
      compile('gcc', ORIGINAL, 'original'),
    ]);
    return {
      load,
      replay,
      echo,
      original,
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Compiles a program of one file. */
export async function compileProgram(
  compiler: string,
  source: string,
  target: string,
): Promise<void> {
  await run(compiler, ['-O2', '-o', target, source], { timeout: COMPILE_TIMEOUT_MS });
}
