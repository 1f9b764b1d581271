import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const TIMEOUT_MS = 60_000;

/**
 * Runs a program of ours in a network of its own, which ends with it; needs root.
 * @param setUp a shell script that makes the network
 * @returns what it prints, which has to be JSON
 */
export async function inOwnNetwork(setUp: string, ...program: string[]): Promise<unknown> {
  const script = `set -e\n${setUp}\nexec "$@"`;
  const args = ['--net', 'sh', '-c', script, 'sh', process.execPath, ...program];
  const { stdout } = await promisify(execFile)('unshare', args, { timeout: TIMEOUT_MS });
  return JSON.parse(stdout);
}
