import { setTimeout as delay } from 'node:timers/promises';
import type { LabProcess } from '../lab/index.js';
import type { Program } from './approach.js';

/** A program that ends by itself, and that is started at a fixed interval, as by a timer. */
export class PeriodicProgram implements Program {
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;
  #current: LabProcess | undefined;

  constructor(start: () => Promise<LabProcess>, everyMs: number) {
    this.#loop = this.#run(start, everyMs).catch(() => {});
  }

  get running(): boolean {
    return !this.#stopping.signal.aborted;
  }

  /** The stderr of the latest run. */
  get stderr(): string {
    return this.#current?.stderr ?? '';
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    this.#stopping.abort();
    await this.#current?.stop(signal);
    await this.#loop;
  }

  async #run(start: () => Promise<LabProcess>, everyMs: number): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#current = await start();
      await Promise.all([this.#current.exited, delay(everyMs, undefined, { signal, ref: false })]);
    }
  }
}
