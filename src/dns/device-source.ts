import { within } from '../socket/time-limit.js';
import type { Device } from '../wireguard/device.js';
import { WgError } from '../wireguard/wg-error.js';
import type { Roster } from './roster.js';

/** The last reading serves this much beyond its maximum age, so that no query waits for a quick reading. */
const MAX_GRACE_MS = 250;

/** Clients retry after a second or more. After this time they get the last reading, or SERVFAIL. */
const MAX_WAIT_MS = 2000;

/** Readings are in time again when one takes no longer than this; lower, so that the log does not flap. */
const RECOVERED_MS = MAX_WAIT_MS / 2;

/** A busy control socket or a single failed call; all other codes say that there is nothing to read. */
const TRANSIENT_CODES: readonly string[] = ['WG_TIMEOUT', 'WG_FAILED'];

/** The device cannot be read, or not in time. */
export interface DeviceProblem {
  readonly error: Error;
  /** The data for answers: the last reading while it is young enough, else SERVFAIL. */
  readonly answers: 'last reading' | 'servfail';
}

export interface DeviceSourceOptions {
  /** Reads the device; has a time limit of its own. */
  readonly read: () => Promise<Device>;
  readonly roster: Roster;
  readonly maxAgeMs: number;
  /** How old a reading may be that serves while WireGuard is slow; 0 = none. */
  readonly maxStaleMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Called once when a problem begins or changes, and with undefined when readings succeed again. */
  readonly onProblem: (problem: DeviceProblem | undefined) => void;
}

/**
 * Keeps the roster younger than a maximum age, on demand: without queries nothing is read. A device is
 * read at most once in that time, and all queries that wait share one reading.
 *
 * Under load no query waits: the first one after that age starts a reading, and the previous one serves
 * until it is done, for a quarter of the age and 250 ms at most.
 *
 * While WireGuard is slow, the last reading serves up to a second limit (RFC 8767: serve stale). A query
 * waits at most 2 s for a reading, and not at all once a reading has been late.
 */
export class DeviceSource {
  readings = 0;
  failures = 0;
  /** When the last reading began that ended, well or not. */
  private readAt = Number.NEGATIVE_INFINITY;
  /** When the reading began that the roster has, and how long it took. */
  private knownAt = Number.NEGATIVE_INFINITY;
  private durationMs = 0;
  private startedAt = Number.NEGATIVE_INFINITY;
  private reading: Promise<void> | undefined;
  private reported: DeviceProblem | undefined;

  constructor(private readonly options: DeviceSourceOptions) {}

  /** Why the device cannot be read, if it cannot. */
  get problem(): Error | undefined {
    return this.reported?.error;
  }

  /** Undefined when the roster can answer now; else settles when it can, and never rejects. */
  refresh(): Promise<void> | undefined {
    const { roster, maxAgeMs, now } = this.options;
    const time = now();
    const isDue = time - this.readAt >= maxAgeMs;
    if (isDue || this.reading !== undefined) {
      this.reading ??= this.read();
    }
    if (roster.isStale && time - this.knownAt >= this.options.maxStaleMs) {
      this.giveUp(this.reported?.error ?? lateError());
    }
    if (!isDue || this.reading === undefined || this.servesMeanwhile(time)) {
      return undefined;
    }
    return within(MAX_WAIT_MS, this.reading, () => this.late());
  }

  /** Whether the last reading is too old even for queries that find no room to wait. */
  get isOutdated(): boolean {
    const { maxAgeMs, now } = this.options;
    return now() - this.readAt >= maxAgeMs + MAX_WAIT_MS;
  }

  /** Whether the last reading serves while the one under way takes its time. */
  private servesMeanwhile(time: number): boolean {
    const { maxAgeMs } = this.options;
    const ageMs = time - this.readAt;
    if (ageMs < maxAgeMs + Math.min(maxAgeMs / 4, MAX_GRACE_MS)) {
      return true;
    }
    const isLate = time - this.startedAt >= MAX_WAIT_MS;
    // After a late reading the next one is likely to be late too, unless there was a pause.
    const isLikelyLate = this.durationMs >= MAX_WAIT_MS && ageMs < maxAgeMs + 2 * this.durationMs;
    const serves = (isLate || isLikelyLate) && this.isUsable(time);
    if (serves) {
      this.serveStale(lateError());
    }
    return serves;
  }

  /** Whether the last reading may still serve while WireGuard is slow. */
  private isUsable(time: number): boolean {
    const { roster, maxStaleMs } = this.options;
    return roster.device !== undefined && time - this.knownAt < maxStaleMs;
  }

  private async read(): Promise<void> {
    const { read, roster, now } = this.options;
    this.startedAt = now();
    this.readings++;
    try {
      const device = await read();
      this.durationMs = now() - this.startedAt;
      this.knownAt = this.startedAt;
      roster.update(device);
      if (this.durationMs <= RECOVERED_MS || this.reported?.answers !== 'last reading') {
        this.report(undefined);
      }
    } catch (error) {
      this.failures++;
      this.durationMs = now() - this.startedAt;
      this.failed(error as Error);
    }
    this.readAt = this.startedAt;
    this.reading = undefined;
  }

  private failed(error: Error): void {
    const isTransient = error instanceof WgError && TRANSIENT_CODES.includes(error.code);
    if (isTransient && this.isUsable(this.options.now())) {
      this.serveStale(error);
    } else {
      this.giveUp(error);
    }
  }

  private late(): void {
    if (this.isUsable(this.options.now())) {
      this.serveStale(lateError());
    } else {
      this.giveUp(this.reported?.error ?? lateError());
    }
  }

  private serveStale(error: Error): void {
    this.options.roster.isStale = true;
    if (this.reported?.answers !== 'last reading') {
      this.report({ error, answers: 'last reading' });
    }
  }

  private giveUp(error: Error): void {
    this.options.roster.update(undefined);
    if (this.reported?.answers !== 'servfail' || error.message !== this.reported.error.message) {
      this.report({ error, answers: 'servfail' });
    }
  }

  private report(problem: DeviceProblem | undefined): void {
    if (problem !== this.reported) {
      this.reported = problem;
      this.options.onProblem(problem);
    }
  }
}

function lateError(): Error {
  return new WgError('WG_TIMEOUT', `WireGuard has not answered within ${MAX_WAIT_MS / 1000} s`);
}
