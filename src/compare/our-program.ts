import type { LabHost, LabProcess } from '../lab/index.js';

/** Our own command line, as a process of the lab. */
export class OurProgram {
  readonly #file: string;
  readonly #node: string;

  /** `file` is the JavaScript file to run with `node`, the path of a Node executable. */
  constructor(file: string, node: string = process.execPath) {
    this.#file = file;
    this.#node = node;
  }

  spawn(host: LabHost, args: readonly string[]): LabProcess {
    return host.spawn(this.#node, [this.#file, ...args], environment());
  }
}

/** Without the variable that makes Node read all certificates first, which takes longer than our start. */
export function environment(): NodeJS.ProcessEnv {
  return { ...process.env, NODE_EXTRA_CA_CERTS: undefined };
}
