import type { Problems } from '../problems.js';

/** `open`: the sockets; `move`: WireGuard's flow, to the port of the socket that got through. */
export type HardNatStep = 'open' | 'move';

/** What fails on the way through hard NATs, as one problem. A step that works, or is not needed, ends its part. */
export class HardNatProblems {
  readonly #problems: Pick<Problems, 'raise' | 'clear'>;
  readonly #sought = new Set<string>();
  /** By step and the peer's key. */
  readonly #failures = new Map<string, string>();

  constructor(problems: Pick<Problems, 'raise' | 'clear'>) {
    this.#problems = problems;
  }

  /** Base64 keys of the peers that are sought. */
  get sought(): ReadonlySet<string> {
    return this.#sought;
  }

  /** The peer with this base64 key is sought. */
  seek(key: string): void {
    this.#sought.add(key);
  }

  /** The peer is connected, or gone: what failed for it is not needed, nor what fails for it later. */
  drop(key: string): void {
    this.#sought.delete(key);
    this.#failures.delete(`open ${key}`);
    this.#failures.delete(`move ${key}`);
    this.#say();
  }

  /** A step for a peer failed, with a line for the user, or worked. */
  report(key: string, step: HardNatStep, problem: string | undefined): void {
    if (this.#sought.has(key)) {
      this.#set(`${step} ${key}`, problem && `peer ${key.slice(0, 8)}: ${problem}`);
    }
  }

  /** The rules of the interface could not be kept, for the reason given, or were. */
  reportRules(problem: string | undefined): void {
    this.#set('rules', problem);
  }

  #set(what: string, problem: string | undefined): void {
    if (problem === undefined) {
      this.#failures.delete(what);
    } else {
      this.#failures.set(what, problem);
    }
    this.#say();
  }

  #say(): void {
    if (this.#failures.size === 0) {
      this.#problems.clear('hard-nat');
    } else {
      this.#problems.raise('hard-nat', [...this.#failures.values()].join('; '));
    }
  }
}
