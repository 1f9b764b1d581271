import { spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { NETNS_FOLDER, namespaceCreator, socketCreator, WIREGUARD_FOLDER } from './names.js';

/** The traces of a living lab in the system. */
export interface Site {
  /** The names of its namespaces. */
  readonly namespaces: readonly string[];
  /** Whether a control socket of wireguard-go belongs to it. */
  readonly ownsSocket: (file: string) => boolean;
}

const POLL_MS = 10;
/** The time that processes get to end after SIGTERM, and again after SIGKILL. */
const GRACE_MS = 1_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const sites = new Set<Site>();

/** Tears the site down when this process exits, or gets SIGINT, SIGTERM or SIGHUP. */
export function guard(site: Site): void {
  if (sites.size === 0) {
    process.on('exit', dismantleAllNow);
    for (const signal of SIGNALS) {
      process.on(signal, onSignal);
    }
  }
  sites.add(site);
}

/** Ends the processes of a site and deletes its namespaces. */
export async function dismantle(site: Site): Promise<void> {
  for (const waitMs of dismantling(site)) {
    await delay(waitMs);
  }
  forget(site);
}

/** Removes the sites of processes that no longer exist, as after SIGKILL. */
export async function sweep(): Promise<void> {
  const namespaces = entries(NETNS_FOLDER).filter((name) => isDead(namespaceCreator(name)));
  const ownsSocket = (file: string): boolean => isDead(socketCreator(file));
  await dismantle({ namespaces, ownsSocket });
}

function forget(site: Site): void {
  if (sites.delete(site) && sites.size === 0) {
    process.off('exit', dismantleAllNow);
    for (const signal of SIGNALS) {
      process.off(signal, onSignal);
    }
  }
}

function dismantleAllNow(): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (const site of [...sites]) {
    for (const waitMs of dismantling(site)) {
      Atomics.wait(sleeper, 0, 0, waitMs);
    }
    forget(site);
  }
}

function onSignal(signal: NodeJS.Signals): void {
  dismantleAllNow();
  // Our handler is removed by now. Without another handler, the signal ends the process.
  if (process.listenerCount(signal) === 0) {
    process.kill(process.pid, signal);
  }
}

/** The steps of a teardown, for an asynchronous and a blocking caller. Yields the ms to wait. */
function* dismantling({ namespaces, ownsSocket }: Site): Generator<number> {
  const inodes = new Set(namespaces.map(namespaceInode));
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const deadline = performance.now() + GRACE_MS;
    const signalled = new Set<number>();
    for (;;) {
      const pids = processesIn(inodes);
      if (pids.length === 0 || performance.now() > deadline) {
        break;
      }
      // Listed again each time: a process may have started another one.
      for (const pid of pids.filter((pid) => !signalled.has(pid))) {
        signalled.add(pid);
        kill(pid, signal);
      }
      yield POLL_MS;
    }
  }
  const existing = new Set(entries(NETNS_FOLDER));
  const lines = namespaces
    .filter((name) => existing.has(name))
    .map((name) => `netns del ${name}\n`);
  if (lines.length > 0) {
    spawnSync('ip', ['-force', '-batch', '-'], { input: lines.join('') });
  }
  for (const file of entries(WIREGUARD_FOLDER).filter(ownsSocket)) {
    rmSync(path.join(WIREGUARD_FOLDER, file), { force: true });
  }
}

/** The id of a namespace, as in /proc/PID/ns/net; undefined if there is no such namespace. */
function namespaceInode(name: string): string | undefined {
  try {
    return `net:[${statSync(path.join(NETNS_FOLDER, name)).ino}]`;
  } catch {
    return undefined;
  }
}

function processesIn(inodes: ReadonlySet<string | undefined>): number[] {
  return entries('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && pid !== process.pid && inodes.has(readlinkSync(`/proc/${pid}/ns/net`));
      } catch {
        // It has ended, or is a zombie: either way it has no namespace.
        return false;
      }
    });
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isDead(pid: number | undefined): boolean {
  return pid !== undefined && !kill(pid, 0);
}
