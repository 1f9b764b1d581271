/** A system call that this process may not make; the message names the capability and what to do. */
export class PermissionError extends Error {
  override readonly name = 'PermissionError';
  readonly code: string;
  readonly syscall: string | undefined;

  constructor(what: string, capability: string, cause: NodeJS.ErrnoException) {
    const remedy = `run as root, or: setcap ${capability.toLowerCase()}+ep ${process.execPath}`;
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
      if (code === 'EPERM' || code === 'EACCES') {
        throw new PermissionError(what, capability, error as NodeJS.ErrnoException);
      }
      throw error;
    }
  }
}
