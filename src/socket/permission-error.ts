/**
 * A system call for which this process lacks a capability; the message names it and says how to grant it
 * to this program alone. A file capability on `node` would give it to every user of the host.
 */
export class PermissionError extends Error {
  override readonly name = 'PermissionError';
  readonly code: string;
  readonly syscall: string | undefined;

  constructor(what: string, capability: string, cause: NodeJS.ErrnoException) {
    const name = capability.toLowerCase().replace('cap_', '+');
    const remedy =
      `run as root, or give this program the capability: AmbientCapabilities=${capability} in its ` +
      `systemd unit, or sudo setpriv --reuid USER --init-groups --inh-caps ${name} --ambient-caps ${name} COMMAND`;
    super(`${what} needs ${capability} (${cause.code}): ${remedy}`, { cause });
    this.code = cause.code ?? 'EPERM';
    this.syscall = cause.syscall;
  }

  /** Runs a system call and explains the error if it is one of missing privilege. */
  static explain<T>(what: string, capability: string, call: () => T): T {
    try {
      return call();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (error instanceof PermissionError) {
        throw error;
      }
      if (code === 'EPERM' || code === 'EACCES') {
        throw new PermissionError(what, capability, error as NodeJS.ErrnoException);
      }
      throw error;
    }
  }
}
