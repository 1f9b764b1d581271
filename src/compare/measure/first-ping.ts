import { until } from '../../lab/index.js';
import type { ComparedLab, Program } from '../approach.js';

/** Interval of the checks for a handshake: long enough to leave the processors to the clients. */
const CHECK_MS = 25;

/**
 * Waits until host b answers host a through the tunnel, and returns when (on `performance.now()`).
 * The ping is sent after the handshake: an earlier one would make WireGuard try without an endpoint,
 * and then wait for 5 s. Rejects after the time limit, with the last error of a client that ended.
 */
export async function firstPing(
  lab: ComparedLab,
  clients: readonly Program[],
  timeoutMs: number,
): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  const { wireguard } = lab.host('a');
  const peer = lab.host('b').wireguard.publicKey;
  const limits = { timeoutMs, intervalMs: CHECK_MS };
  try {
    await until('a handshake', () => wireguard.hasHandshake(peer), limits);
    const left = Math.max(deadline - performance.now(), 1);
    if (await lab.ping('a', 'b', { timeoutMs: left })) {
      return performance.now();
    }
  } catch (cause) {
    throw new Error(complaint(clients, timeoutMs), { cause });
  }
  throw new Error(complaint(clients, timeoutMs));
}

function complaint(clients: readonly Program[], timeoutMs: number): string {
  const lastLines = clients
    .filter(({ running }) => !running)
    .map(({ stderr }) => stderr.trim().split('\n').at(-1))
    .filter(Boolean);
  const ended = lastLines.length > 0 ? `; a client ended: ${lastLines[0]}` : '';
  return `no tunnel within ${timeoutMs / 1000} s${ended}`;
}
