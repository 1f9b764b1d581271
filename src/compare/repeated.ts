import { setTimeout as delay } from 'node:timers/promises';
import type { LabProcess } from '../lab/index.js';
import type { Program } from './approach.js';

/** A program that ends by itself, and is started again some time after it was started, as by a timer. */
export class Repeated implements Program {
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;
  #current: LabProcess | undefined;

  constructor(start: () => Promise<LabProcess>, everyMs: number) {
    this.#loop = this.#run(start, everyMs).catch(() => {});
  }

  get running(): boolean {
    return !this.#stopping.signal.aborted;
  }

  /** Of the latest run. */
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
