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
const SHARED_ECHO_PORT = 49920;
/** USER_HZ of /proc/PID/stat on Linux. */
const TICKS_PER_SECOND = 100;

/** A server under measurement. */
export interface Subject extends AsyncDisposable {
  readonly port: number;
  /** Processor time it has used so far. */
  cpuSeconds(): number;
  /** How long its main thread has waited for a processor so far: what other programs took from it. */
  waitedSeconds(): number;
  residentBytes(): number;
}

/** Our server, as its command. */
export async function startOurs(
  maxPeers: number,
  flags: readonly string[] = [],
  nodeFlags: readonly string[] = [],
): Promise<Subject> {
  const child = spawnOurs(maxPeers, flags, nodeFlags);
  return subject(child, portOf(await firstLine(child)));
}

/** Our server with its metrics; they are at a port of their own. */
export async function startOursWithMetrics(
  maxPeers: number,
): Promise<{ readonly server: Subject; readonly metricsPort: number }> {
  const child = spawnOurs(maxPeers, ['--metrics', '127.0.0.1:0']);
  const [listening, metrics] = await firstLines(child, 2);
  return { server: subject(child, portOf(listening)), metricsPort: portOf(metrics) };
}

function spawnOurs(
  maxPeers: number,
  flags: readonly string[],
  nodeFlags: readonly string[] = [],
): ChildProcess {
  const args = ['--listen', '127.0.0.1:0', '--max-peers', String(maxPeers), ...flags];
  return spawnServer(process.execPath, [...nodeFlags, CLI, 'server', ...args]);
}

function portOf(line = ''): number {
  return Number(line.slice(line.lastIndexOf(':') + 1));
}

export function startEcho(tools: Tools): Promise<Subject> {
  return startEchoOn(tools, ECHO_PORT);
}

/** One of several echoes that share a port, and the clients. */
export function startSharedEcho(tools: Tools): Promise<Subject> {
  return startEchoOn(tools, SHARED_ECHO_PORT);
}

async function startEchoOn(tools: Tools, port: number): Promise<Subject> {
  const child = spawnServer(tools.echo, ['127.0.0.1', String(port)]);
  await firstLine(child);
  return subject(child, port);
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

/** Our server with these arguments, after so many lines of its output. */
export async function startOurProgram(
  args: readonly string[],
  lines: number,
  nodeFlags: readonly string[] = [],
): Promise<{ readonly server: Subject; readonly lines: readonly string[] }> {
  const child = spawnServer(process.execPath, [...nodeFlags, CLI, ...args]);
  const said = await firstLines(child, lines);
  return { server: subject(child, portOf(said[0])), lines: said };
}

/** Another server, after its first line. */
export async function startProgram(
  command: string,
  args: readonly string[],
  port: number,
): Promise<Subject> {
  const child = spawnServer(command, args);
  await firstLine(child);
  return subject(child, port);
}

function spawnServer(command: string, args: readonly string[]): ChildProcess {
  return spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  return (await firstLines(child, 1))[0] as string;
}

async function firstLines(child: ChildProcess, count: number): Promise<string[]> {
  const lines = createInterface({ input: child.stdout! });
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  const found: string[] = [];
  const enough = new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      found.push(line);
      if (found.length >= count) {
        resolve();
      }
    });
  });
  await Promise.race([
    enough,
    once(child, 'exit', { signal }).then(() => {
      throw new Error(`${child.spawnfile} ended before it listened`);
    }),
  ]);
  lines.close();
  child.stdout!.resume();
  return found;
}

function subject(child: ChildProcess, port: number): Subject {
  const proc = `/proc/${child.pid}`;
  return {
    port,
    cpuSeconds: () => cpuSeconds(child.pid!),
    waitedSeconds: () => Number(readFileSync(`${proc}/schedstat`, 'utf8').split(' ')[1]) / 1e9,
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
