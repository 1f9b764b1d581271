import { statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './command.js';
import { TemporaryFolder } from './temporary-folder.js';

const SOURCES = 'native/lab';
/** Where `make lab` puts the programs. */
const BUILT = 'dist/lab';
const HEADER = 'packet-socket.h';
const COMPILE_TIMEOUT_MS = 60_000;

const programs = new Map<string, Promise<string>>();

/**
 * The path of one of the lab's own C++ programs. One that `make lab` has not built, or not since the
 * source changed, is compiled into a temporary folder, once a process. Rejects when g++ fails.
 */
export function nativeProgram(name: 'delay-lines' | 'capture'): Promise<string> {
  const known = programs.get(name) ?? findOrCompile(name);
  programs.set(name, known);
  return known;
}

async function findOrCompile(name: string): Promise<string> {
  const root = packageRoot();
  const source = path.join(root, SOURCES, `${name}.cc`);
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

/** The folder of the package, whether this module is bundled (dist/bin) or not (dist/src/lab). */
function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (changedAt(path.join(folder, SOURCES)) === 0) {
    const parent = path.dirname(folder);
    if (parent === folder) {
      throw new Error(`${SOURCES} is missing: install wg-rendezvous anew`);
    }
    folder = parent;
  }
  return folder;
}

/** When a file was changed, in ms since 1970; 0 where it does not exist. */
function changedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
