import { until } from '../../lab/index.js';
import type { ComparedLab, Program } from '../approach.js';

/** How often the handshake is looked for: seldom enough to leave the processors to the clients. */
const LOOK_MS = 25;

/**
 * Waits until host a is answered by host b through the tunnel, and gives the time of it. The ping is
 * sent once there is a handshake: an earlier one would make WireGuard try without an endpoint, and then
 * wait for 5 s. Rejects after the time limit, with the last words of clients that have ended.
 */
export async function firstPing(
  lab: ComparedLab,
  clients: readonly Program[],
  timeoutMs: number,
): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  const { wireguard } = lab.host('a');
  const peer = lab.host('b').wireguard.publicKey;
  const limits = { timeoutMs, intervalMs: LOOK_MS };
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
  const words = clients
    .filter(({ running }) => !running)
    .map(({ stderr }) => stderr.trim().split('\n').at(-1))
    .filter(Boolean);
  const ended = words.length > 0 ? `; a client ended: ${words[0]}` : '';
  return `no tunnel within ${timeoutMs / 1000} s${ended}`;
}
