import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { loadBinding } from '../src/socket/binding.js';

/**
 * Moves this test, and what it starts from now on, into a network namespace of its own where only `lo` is:
 * clients of other tests that manage a `lo` are elsewhere. It is gone with the last process in it.
 */
export async function enterOwnNetwork(): Promise<void> {
  const script = 'ip link set lo up && echo && exec cat';
  const holder = spawn('unshare', ['--net', 'sh', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  const fd = openSync(`/proc/${holder.pid}/ns/net`, 'r');
  loadBinding().enterNetworkNamespace(fd);
  closeSync(fd);
  holder.stdin.end();
}
