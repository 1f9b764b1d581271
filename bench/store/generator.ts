import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { getPriority, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { cpuSeconds } from '../server/subject.js';
import type { ChangeTimes, CrowdOptions, Traffic } from './crowd.js';
import type { Command } from './crowd-process.js';

const PROGRAM = fileURLToPath(new URL('crowd-process.js', import.meta.url));
const DEADLINE_MS = 600_000;
const STOP_TIMEOUT_MS = 10_000;
/** By how much the servers go before a generator: they have a processor for themselves as far as they need it. */
const GIVES_WAY = 5;
const LOWEST_PRIORITY = 19;

/** A process with a crowd of clients. */
export class Generator implements AsyncDisposable {
  /** @param gives whether the servers go before it, where there are fewer processors than processes */
  static async open(options: CrowdOptions, gives: boolean): Promise<Generator> {
    const child = fork(PROGRAM, { execArgv: ['--max-old-space-size=4096'] });
    if (gives) {
      setPriority(child.pid!, Math.min(getPriority() + GIVES_WAY, LOWEST_PRIORITY));
    }
    const generator = new Generator(child);
    await generator.run({ do: 'open', options });
    return generator;
  }

  private constructor(private readonly child: ChildProcess) {}

  cpuSeconds(): number {
    return cpuSeconds(this.child.pid!);
  }

  async join(): Promise<void> {
    await this.run({ do: 'join' });
  }

  known(): Promise<number> {
    return this.run({ do: 'known' }) as Promise<number>;
  }

  traffic(): Promise<Traffic> {
    return this.run({ do: 'traffic' }) as Promise<Traffic>;
  }

  change(perSecond: number, seconds: number): Promise<ChangeTimes> {
    return this.run({ do: 'change', perSecond, seconds }) as Promise<ChangeTimes>;
  }

  /** Begins to ask for answers, and goes on for so many seconds. */
  async ask(perSecond: number, seconds: number): Promise<void> {
    await this.run({ do: 'ask', perSecond, seconds });
  }

  answers(): Promise<{ readonly tookMs: readonly number[]; readonly awaited: number }> {
    return this.run({ do: 'answers' }) as Promise<{ tookMs: number[]; awaited: number }>;
  }

  /** The server is gone. */
  async forget(): Promise<void> {
    await this.run({ do: 'forget' });
  }

  /** When each client that has a session was answered in it for the first time; times of sharedNow(). */
  back(): Promise<readonly number[]> {
    return this.run({ do: 'back' }) as Promise<number[]>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = once(this.child, 'exit', { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) });
      this.child.disconnect();
      await gone;
    }
  }

  private async run(command: Command): Promise<unknown> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(DEADLINE_MS)]);
    try {
      const answered = once(this.child, 'message', { signal });
      const ended = once(this.child, 'exit', { signal }).then(() => {
        throw new Error(`a generator ended when it had to ${command.do}`);
      });
      this.child.send(command);
      const [{ result }] = (await Promise.race([answered, ended])) as [{ result: unknown }];
      return result;
    } finally {
      over.abort();
    }
  }
}

/** The clock that all processes of the machine share, in ms. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
