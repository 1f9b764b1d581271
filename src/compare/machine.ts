import { availableParallelism, cpus, release } from 'node:os';
import { outcome } from '../lab/command.js';
import { createLab } from '../lab/index.js';
import type { Machine } from './results.js';

/** Where we are. Builds a small lab to see which WireGuard it gets. */
export async function machine(): Promise<Machine> {
  await using lab = await createLab({ hosts: { a: {} } });
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    kernel: release(),
    node: process.version,
    wireguard: lab.host('a').wireguard.userspace ? await userspaceVersion() : 'kernel',
  };
}

async function userspaceVersion(): Promise<string> {
  const { stdout } = await outcome('wireguard-go', ['--version']);
  return /^wireguard-go \S+/.exec(stdout)?.[0] ?? 'wireguard-go';
}
