import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Tools } from './tools.js';

const CLI = fileURLToPath(new URL('../../bin/wg-rendezvous.js', import.meta.url));
const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 10_000;
/** The original's port cannot be chosen. */
const ORIGINAL_PORT = 49918;
const ECHO_PORT = 49919;
/** USER_HZ of /proc/PID/stat on Linux. */
const TICKS_PER_SECOND = 100;

/** A server under measurement. */
export interface Subject extends AsyncDisposable {
  readonly port: number;
  /** Processor time it has used so far. */
  cpuSeconds(): number;
  residentBytes(): number;
}

/** Our server, as its command. */
export async function startOurs(
  maxPeers: number,
  flags: readonly string[] = [],
  nodeFlags: readonly string[] = [],
): Promise<Subject> {
  const args = [
    ...nodeFlags,
    CLI,
    'server',
    '--listen',
    '127.0.0.1:0',
    '--max-peers',
    String(maxPeers),
  ];
  const child = spawnServer(process.execPath, [...args, ...flags]);
  const line = await firstLine(child);
  return subject(child, Number(line.slice(line.lastIndexOf(':') + 1)));
}

export async function startEcho(tools: Tools): Promise<Subject> {
  const child = spawnServer(tools.echo, ['127.0.0.1', String(ECHO_PORT)]);
  await firstLine(child);
  return subject(child, ECHO_PORT);
}

/** The original says nothing when it is ready: waits until the kernel lists its port. */
export async function startOriginal(tools: Tools): Promise<Subject> {
  const child = spawnServer(tools.original, []);
  const port = ORIGINAL_PORT.toString(16).toUpperCase();
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!readFileSync('/proc/net/udp', 'utf8').includes(`:${port} `)) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`the original server does not listen on port ${ORIGINAL_PORT}`);
    }
    await delay(20);
  }
  return subject(child, ORIGINAL_PORT);
}

function spawnServer(command: string, args: readonly string[]): ChildProcess {
  return spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout! });
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  const [line] = (await Promise.race([
    once(lines, 'line', { signal }),
    once(child, 'exit', { signal }).then(() => {
      throw new Error(`${child.spawnfile} ended before it listened`);
    }),
  ])) as [string];
  lines.close();
  child.stdout!.resume();
  return line;
}

function subject(child: ChildProcess, port: number): Subject {
  const proc = `/proc/${child.pid}`;
  return {
    port,
    cpuSeconds: () => cpuSeconds(child.pid!),
    residentBytes() {
      const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`${proc}/status`, 'utf8'))?.[1];
      return Number(kib) * 1024;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) {
        return;
      }
      const gone = once(child, 'exit', { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) });
      child.kill('SIGTERM');
      await gone;
    },
  };
}

/** Processor time that a process has used so far. */
export function cpuSeconds(pid: number): number {
  // proc(5): fields 14 and 15, counted behind the command's name in brackets
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
