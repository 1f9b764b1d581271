import { uptime } from 'node:os';

/** Smaller differences between the clocks are their resolution: /proc/uptime counts hundredths of a second. */
const MIN_SUSPEND_MS = 1000;

/**
 * Milliseconds on a clock that runs on while the host is suspended, as WireGuard's does (CLOCK_BOOTTIME).
 * Node's own monotonic clock stops then: ages and time limits measured with it are too short.
 */
export class BootClock {
  readonly #monotonic: () => number;
  readonly #bootTime: () => number;
  #suspendedMs = 0;
  readonly #difference: number;

  /**
   * @param monotonic milliseconds that do not count while the host is suspended
   * @param bootTime milliseconds that do
   */
  constructor(monotonic = () => performance.now(), bootTime = () => uptime() * 1000) {
    this.#monotonic = monotonic;
    this.#bootTime = bootTime;
    this.#difference = bootTime() - monotonic();
  }

  /** The time; a suspend is part of it from the next `noticeSuspend` on. */
  now(): number {
    return this.#monotonic() + this.#suspendedMs;
  }

  /** Takes in a suspend. Returns how long the host was suspended since the last call; 0 when it was not. */
  noticeSuspend(): number {
    const suspendedMs = this.#bootTime() - this.#monotonic() - this.#difference;
    const newMs = suspendedMs - this.#suspendedMs;
    if (newMs < MIN_SUSPEND_MS) {
      return 0;
    }
    this.#suspendedMs = suspendedMs;
    return newMs;
  }
}

/** The clock of a client and its finders. */
export const clock = new BootClock();
