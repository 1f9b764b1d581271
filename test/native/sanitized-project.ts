import { execFile, execFileSync } from 'node:child_process';
import { chmod, cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const BUILD_TIMEOUT_MS = 300_000;
const MAX_OUTPUT_BYTES = 64 << 20;

/** vptr needs run-time types, which addons are built without. */
const FLAGS = [
  '-fsanitize=address,undefined',
  '-fno-sanitize=vptr',
  '-fno-sanitize-recover=all',
  '-fno-omit-frame-pointer',
  '-g',
].join(' ');

export interface Run {
  readonly code: number | null;
  readonly output: string;
}

/**
 * A copy of the compiled project in a temporary folder, with an addon of its own that is built with
 * AddressSanitizer and UndefinedBehaviorSanitizer. The checkout's build/ stays as it is.
 */
export class SanitizedProject implements AsyncDisposable {
  private constructor(
    readonly folder: string,
    readonly libasan: string,
  ) {}

  static async create(): Promise<SanitizedProject> {
    const libasan = findLibasan();
    const folder = await mkdtemp(join(tmpdir(), 'wg-rendezvous-sanitized-'));
    // Children that give up their privileges read the code and write reports here too.
    await chmod(folder, 0o777);
    for (const part of ['native', 'binding.gyp', 'package.json', 'dist']) {
      await cp(join(ROOT, part), join(folder, part), { recursive: true });
    }
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    return new SanitizedProject(folder, libasan);
  }

  get addon(): string {
    return join(this.folder, 'build/Release/wg_rendezvous.node');
  }

  async build(): Promise<Run> {
    const gyp = join(ROOT, 'node_modules/node-gyp/bin/node-gyp.js');
    // The headers that the checkout's addon was built with: nothing is downloaded.
    const config = await readFile(join(ROOT, 'build/config.gypi'), 'utf8');
    const headers = /"nodedir": "([^"]+)"/.exec(config)?.[1];
    const args = [gyp, 'rebuild', `--nodedir=${headers}`, `--jobs=${availableParallelism()}`];
    const env = { ...process.env, CXXFLAGS: FLAGS, LDFLAGS: FLAGS };
    return this.#run(process.execPath, args, env, BUILD_TIMEOUT_MS);
  }

  /** Compiles a library that writes behind an allocation when it is loaded. */
  async buildCanary(): Promise<string> {
    const source = join(this.folder, 'canary.cc');
    const library = join(this.folder, 'canary.node');
    await writeFile(
      source,
      `#include <stdlib.h>
       __attribute__((constructor)) static void Overflow() {
         volatile char* bytes = static_cast<volatile char*>(malloc(8));
         bytes[8] = 1;
       }`,
    );
    execFileSync('g++', [...FLAGS.split(' '), '-shared', '-fPIC', source, '-o', library]);
    return library;
  }

  /** Runs Node with the sanitizers loaded, also into all its children. */
  runNode(args: readonly string[], timeout: number): Promise<Run> {
    const report = `log_path=${join(this.folder, 'report')}`;
    const env = {
      ...process.env,
      LD_PRELOAD: this.libasan,
      // Node itself frees little at its exit: leaks are not looked for.
      ASAN_OPTIONS: `detect_leaks=0:exitcode=99:${report}`,
      UBSAN_OPTIONS: `print_stacktrace=1:halt_on_error=1:exitcode=99:${report}`,
    };
    // Set by an outer test runner, it makes an inner one report in a binary format.
    return this.#run(process.execPath, args, { ...env, NODE_TEST_CONTEXT: undefined }, timeout);
  }

  /** What the sanitizers found, in whatever process. */
  async reports(): Promise<string[]> {
    const names = (await readdir(this.folder)).filter((name) => name.startsWith('report.'));
    return Promise.all(names.map((name) => readFile(join(this.folder, name), 'utf8')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  #run(file: string, args: readonly string[], env: NodeJS.ProcessEnv, timeout: number) {
    const options = { cwd: this.folder, env, timeout, maxBuffer: MAX_OUTPUT_BYTES };
    return new Promise<Run>((resolve) => {
      const child = execFile(file, args, options, (_error, stdout, stderr) =>
        resolve({ code: child.exitCode, output: stdout + stderr }),
      );
    });
  }
}

/** Comes with g++; a missing one is a failure, because a test that is skipped shows nothing. */
function findLibasan(): string {
  const path = execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
  if (!isAbsolute(path)) {
    throw new Error('libasan is missing: apt-get install --no-install-recommends g++');
  }
  return path;
}
