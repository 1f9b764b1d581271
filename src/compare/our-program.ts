import type { LabHost, LabProcess } from '../lab/index.js';

/** Our own command line, as a process of the lab. */
export class OurProgram {
  readonly #file: string;

  /** `file` is the JavaScript file that Node is given. */
  constructor(file: string) {
    this.#file = file;
  }

  spawn(host: LabHost, args: readonly string[]): LabProcess {
    return host.spawn(process.execPath, [this.#file, ...args], environment());
  }
}

/**
 * Where this variable is set, Node reads all certificates of the system before anything else, which
 * takes longer than our own start and has nothing to do with us.
 */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, NODE_EXTRA_CA_CERTS: undefined };
}
