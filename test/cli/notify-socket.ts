import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../../test/cli/notify-socket.py', import.meta.url));
const DEADLINE_MS = 20_000;

/** A unix datagram socket that plays systemd, and what arrived at it. */
export class NotifySocket implements AsyncDisposable {
  readonly path: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  /** All that arrived, barriers left out: assignments, joined by ` | `. */
  readonly said: string[] = [];

  private constructor(path: string) {
    this.path = path;
    this.#child = spawn('python3', [SCRIPT, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** Listens at a path, or at an abstract name that begins with @. */
  static async open(path: string): Promise<NotifySocket> {
    const socket = new NotifySocket(path);
    await socket.#lines.next();
    return socket;
  }

  /** Waits for a message that matches, in what arrived since the last call. */
  async hear(expected: RegExp): Promise<string> {
    const deadline = setTimeout(() => this.#child.kill(), DEADLINE_MS);
    try {
      for (let it = await this.#lines.next(); !it.done; it = await this.#lines.next()) {
        if (it.value !== 'BARRIER=1') {
          this.said.push(it.value);
        }
        if (expected.test(it.value)) {
          return it.value;
        }
      }
      throw new Error(`no ${expected} in: ${this.said.join('\n')}`);
    } finally {
      clearTimeout(deadline);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    this.#child.kill();
  }
}
