import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A folder that is removed when disposed, or when the process exits. */
export class TemporaryFolder implements Disposable {
  readonly #path: string;
  readonly #remove = (): void => rmSync(this.#path, { recursive: true, force: true });

  /** `purpose` is part of its name. */
  constructor(purpose: string) {
    this.#path = mkdtempSync(path.join(tmpdir(), `wg-rendezvous-${purpose}-`));
    process.once('exit', this.#remove);
  }

  /** The path of a file in it. */
  file(name: string): string {
    return path.join(this.#path, name);
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove);
    this.#remove();
  }
}
