import type { ExecFileException } from 'node:child_process';
import { WgError } from './wg-error.js';

const TIMEOUT_MS = 5000;

/** How `wg` is run: within a time, and so that its messages are those that are known here. */
export function wgExecution() {
  return { timeout: TIMEOUT_MS, env: { ...process.env, LC_ALL: 'C' } };
}

/**
 * Turns a failed call into one line. The cause is left out on purpose: it carries the argument list, and
 * its output may hold keys.
 */
export function explainWgFailure(name: string, error: ExecFileException, stderr: string): WgError {
  if (error.code === 'ENOENT') {
    return new WgError(
      'WG_TOOL_MISSING',
      'the wg tool is not installed: install the package wireguard-tools',
    );
  }
  if (error.killed) {
    return new WgError('WG_TIMEOUT', `wg did not answer about ${name} within ${TIMEOUT_MS} ms`);
  }
  const reason = String(error.code ?? error.signal ?? 'no reason given');
  const said = stderr.trim().split('\n').at(-1) || reason;
  if (/not permitted|permission denied/i.test(said)) {
    return new WgError(
      'WG_NOT_PERMITTED',
      `may not read or change ${name}: this needs CAP_NET_ADMIN, run as root`,
    );
  }
  if (/no such device/i.test(said)) {
    return new WgError('WG_NO_INTERFACE', `there is no interface ${name}`);
  }
  if (/not supported/i.test(said)) {
    return new WgError('WG_NOT_WIREGUARD', `${name} is not a WireGuard interface`);
  }
  return new WgError('WG_FAILED', `wg failed on ${name}: ${said}`);
}
