import { setTimeout as delay } from 'node:timers/promises';
import type { Traffic } from './crowd.js';
import { Generator } from './generator.js';
import type { Server } from './servers.js';

/** Processes that only have clients; two, as the machine of reference has two processors. */
const CROWDS = 2;
/** The clients whose answers and news are measured: one in so many, in a process of their own. */
const WATCHED = 100;
const MIN_WATCHED = 100;
/**
 * Clients of each process that join or return at a time. More of them than servers and generator can do in 300 ms
 * would repeat their initiations, and load both for nothing.
 */
const WINDOW = 96;
const KNOWN_LIMIT_MS = 60_000;

export interface Population {
  readonly clients: number;
  readonly pingMs: number;
  /** Whether some of the watched clients appear later. */
  readonly holds: boolean;
}

/**
 * All clients of a measurement. Most are in processes that give way to the servers: these have the machine for
 * themselves as far as they need it. The watched ones are in a process with little to do, so that what is measured
 * there is not the load of the generator.
 */
export class Crowds implements AsyncDisposable {
  static async open(
    servers: readonly Server[],
    { clients, pingMs, holds }: Population,
  ): Promise<Crowds> {
    const step = servers.length;
    const evenly = (count: number) => Math.max(step * Math.ceil(count / step), 2 * step);
    const watched = evenly(Math.max(MIN_WATCHED, clients / WATCHED));
    const each = evenly(Math.max(0, clients - watched) / CROWDS);
    const common = {
      servers: servers.map(({ port, key }) => ({ port, key })),
      pingMs,
      window: WINDOW,
    };
    const opened: Generator[] = [];
    try {
      opened.push(await Generator.open({ ...common, first: 0, count: watched, holds }, false));
      for (let i = 0; i < CROWDS; i++) {
        const first = watched + i * each;
        opened.push(await Generator.open({ ...common, first, count: each, holds: false }, true));
      }
    } catch (error) {
      await Promise.all(opened.map((it) => it[Symbol.asyncDispose]()));
      throw error;
    }
    return new Crowds(opened, watched + CROWDS * each);
  }

  private constructor(
    private readonly all: readonly Generator[],
    readonly size: number,
  ) {}

  get watched(): Generator {
    return this.all[0]!;
  }

  /** Registers the clients, and waits until they know their peers. */
  async join(): Promise<void> {
    await Promise.all(this.all.map((it) => it.join()));
    const deadline = Date.now() + KNOWN_LIMIT_MS;
    for (;;) {
      const known = await Promise.all(this.all.map((it) => it.known()));
      if (known.every((part) => part === 1)) {
        return;
      }
      if (Date.now() > deadline) {
        throw new Error(`not all clients know their peers: ${known.join(' ')} of the pairs`);
      }
      await delay(500);
    }
  }

  async forget(): Promise<void> {
    await Promise.all(this.all.map((it) => it.forget()));
  }

  async back(): Promise<number[]> {
    return (await Promise.all(this.all.map((it) => it.back()))).flat();
  }

  async traffic(): Promise<Traffic> {
    const sum: Traffic = { sent: 0, sentBytes: 0, received: 0, receivedBytes: 0 };
    for (const one of await Promise.all(this.all.map((it) => it.traffic()))) {
      for (const name of Object.keys(sum) as (keyof Traffic)[]) {
        sum[name] += one[name];
      }
    }
    return sum;
  }

  cpuSeconds(): number {
    return this.all.reduce((sum, it) => sum + it.cpuSeconds(), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((it) => it[Symbol.asyncDispose]()));
  }
}
