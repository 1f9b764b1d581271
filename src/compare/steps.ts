import type { Failure, Outcome } from './results.js';

/** One measurement. It does not reject: a failure is part of the result. */
export interface Step {
  /** For the progress display. */
  readonly title: string;
  /** Whether it mostly waits, so that several may run side by side. @default false */
  readonly idle?: boolean;
  run(): Promise<void>;
}

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** The titles of the running steps. */
  readonly running: readonly string[];
}

/** Idle steps at one time. */
const MAX_IDLE = 6;

/** Runs the steps that measure time one by one, then the idle ones side by side. */
export async function runSteps(
  steps: readonly Step[],
  onProgress: (progress: Progress) => void,
): Promise<void> {
  const running = new Set<string>();
  let done = 0;
  const notify = (): void => onProgress({ done, total: steps.length, running: [...running] });
  const perform = async (step: Step): Promise<void> => {
    running.add(step.title);
    notify();
    await step.run();
    running.delete(step.title);
    done++;
    notify();
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

/** Runs a measurement and turns a failure into an outcome of one line. */
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
