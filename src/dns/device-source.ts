import type { Device } from '../wireguard/device.js';
import type { Roster } from './roster.js';

/** A reading in progress is waited for so long only when the one before is older than this beyond its age. */
const MAX_GRACE_MS = 250;

/** Askers try again after a second or more: who waits longer gets an answer that says SERVFAIL. */
const MAX_WAIT_MS = 2000;

export interface DeviceSourceOptions {
  /** Reads the device; has a time limit of its own. */
  readonly read: () => Promise<Device>;
  readonly roster: Roster;
  readonly maxAgeMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Called when readings begin to fail or fail otherwise, and with undefined when they succeed again. */
  readonly onProblem: (error: Error | undefined) => void;
}

/**
 * Keeps a roster as old as a maximal age at most, for those who ask: without queries nothing is read. A
 * device is read once in that time at most, whatever comes, and all who wait share a reading.
 *
 * Under load nobody waits: the first query after that age starts a reading, and until it is done, for a
 * quarter of the age and 250 ms at most, the one before still serves.
 */
export class DeviceSource {
  readings = 0;
  failures = 0;
  private readAt = Number.NEGATIVE_INFINITY;
  private reading: Promise<void> | undefined;
  /** Why the last reading failed. */
  problem: Error | undefined;

  constructor(private readonly options: DeviceSourceOptions) {}

  /** Undefined when the roster can be answered from now; else settles when it can, and never rejects. */
  refresh(): Promise<void> | undefined {
    const { maxAgeMs, now } = this.options;
    const age = now() - this.readAt;
    if (age < maxAgeMs && this.reading === undefined) {
      return undefined;
    }
    this.reading ??= this.read();
    return age < maxAgeMs + Math.min(maxAgeMs / 4, MAX_GRACE_MS) ? undefined : this.wait();
  }

  /** Whether the last reading is too old even for those who find no room to wait. */
  get isOutdated(): boolean {
    const { maxAgeMs, now } = this.options;
    return now() - this.readAt >= maxAgeMs + MAX_WAIT_MS;
  }

  private async read(): Promise<void> {
    const { read, roster, now } = this.options;
    const startedAt = now();
    this.readings++;
    try {
      roster.update(await read());
      this.tell(undefined);
    } catch (error) {
      this.failures++;
      roster.update(undefined);
      this.tell(error as Error);
    }
    this.readAt = startedAt;
    this.reading = undefined;
  }

  private async wait(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.options.roster.update(undefined);
        resolve();
      }, MAX_WAIT_MS);
    });
    await Promise.race([this.reading, late]);
    clearTimeout(timer);
  }

  private tell(error: Error | undefined): void {
    if (error?.message !== this.problem?.message) {
      this.options.onProblem(error);
    }
    this.problem = error;
  }
}
