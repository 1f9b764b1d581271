/** How a command ended; the contract is in README.md. */
export const EXIT = {
  ok: 0,
  failed: 1,
  /** Arguments that cannot be used. */
  usage: 2,
  /** `--timeout` passed before every peer had a handshake. */
  timeout: 3,
} as const;

/** An argument that is well formed but of no use on this host: exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
