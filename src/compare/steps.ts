import type { Failure, Outcome } from './results.js';

/** One thing to measure: it ends in a result, or in a line that says why there is none. */
export interface Step {
  /** For the reader of the progress. */
  readonly title: string;
  /** Mostly waiting: several of these may run side by side. @default false */
  readonly idle?: boolean;
  run(): Promise<void>;
}

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** What goes on now. */
  readonly running: readonly string[];
}

/** Waiting steps at one time. */
const MAX_IDLE = 6;

/** Runs the steps that measure time one after the other, and then those that wait, side by side. */
export async function runSteps(
  steps: readonly Step[],
  onProgress: (progress: Progress) => void,
): Promise<void> {
  const running = new Set<string>();
  let done = 0;
  const tell = (): void => onProgress({ done, total: steps.length, running: [...running] });
  const perform = async (step: Step): Promise<void> => {
    running.add(step.title);
    tell();
    await step.run();
    running.delete(step.title);
    done++;
    tell();
  };
  for (const step of steps.filter(({ idle }) => idle !== true)) {
    await perform(step);
  }
  const waiting = steps.filter(({ idle }) => idle === true);
  const worker = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      await perform(step);
    }
  };
  await Promise.all(Array.from({ length: MAX_IDLE }, worker));
}

/** What comes of a measurement; a failure is an outcome too, as one line. */
export async function outcomeOf<T>(measure: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return await measure();
  } catch (error) {
    return failure(error);
  }
}

export function failure(error: unknown): Failure {
  const text = error instanceof Error ? error.message : String(error);
  return { problem: (text.trim().split('\n')[0] ?? '').slice(0, MAX_PROBLEM_LENGTH) };
}

const MAX_PROBLEM_LENGTH = 300;
