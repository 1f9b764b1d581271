import { statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './command.js';
import { TemporaryFolder } from './temporary-folder.js';

const SOURCES = 'native/lab';
/** The output folder of `make lab`. */
const BUILT = 'dist/lab';
const HEADER = 'packet-socket.h';
const COMPILE_TIMEOUT_MS = 60_000;

const programs = new Map<string, Promise<string>>();

/**
 * The path of one of the lab's C++ programs. If the output of `make lab` is missing or older than the
 * source, compiles the program into a temporary folder, once per process. Rejects if g++ fails.
 */
export function nativeProgram(name: 'delay-lines' | 'capture'): Promise<string> {
  const known = programs.get(name) ?? findOrCompile(name);
  programs.set(name, known);
  return known;
}

async function findOrCompile(name: string): Promise<string> {
  const root = packageRoot();
  const source = path.join(root, SOURCES, `${name}.cc`);
  if (changedAt(source) === 0) {
    return prebuilt(root, name);
  }
  const built = path.join(root, BUILT, name);
  const newest = Math.max(...[source, path.join(root, SOURCES, HEADER)].map(changedAt));
  if (changedAt(built) >= newest) {
    return built;
  }
  const target = new TemporaryFolder('lab').file(name);
  const flags = ['-std=c++17', '-O1', '-o', target, source];
  await run('g++', flags, { timeoutMs: COMPILE_TIMEOUT_MS });
  return target;
}

/** The program that came with an installed package, which brings no sources. */
function prebuilt(root: string, name: string): string {
  const platform = `${process.platform}-${process.arch}`;
  const file = path.join(root, 'prebuilds', platform, name);
  if (changedAt(file) === 0) {
    throw new Error(
      `the lab's program ${name} did not come for ${platform}: run this in a checkout`,
    );
  }
  return file;
}

/** The folder of the package, from the bundle (dist/bin) or from the compiled module (dist/src/lab). */
function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (changedAt(path.join(folder, 'package.json')) === 0) {
    folder = path.dirname(folder);
  }
  return folder;
}

/** The modification time of a file in ms since 1970; 0 if it does not exist. */
function changedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
