import type { Answer as Found } from '../finder.js';
import { type Failure, UNREADABLE } from './failure.js';
import type { Question, Reply } from './message.js';
import { addressesOf, endpointsOf, type HostAddress, type Service, servicesOf } from './records.js';

/** How a lookup ended. */
export type Outcome =
  /** `ttlSeconds`: how long the answer may be remembered. */
  { readonly answer: Found; readonly ttlSeconds: number } | { readonly failure: Failure };

/**
 * Finds where a peer is: its SRV records, then the addresses of their targets, from the additional section
 * where it has some (RFC 2782), else by questions of their own. Pure.
 */
export class Lookup {
  readonly #name: string;
  #services: readonly Service[] = [];
  readonly #addresses = new Map<string, HostAddress[]>();
  #open = 1;
  #failure: Failure | undefined;

  /** @param name the peer's instance */
  constructor(name: string) {
    this.#name = name;
  }

  /** The question to begin with. */
  get first(): Question {
    return { name: this.#name, type: 'SRV' };
  }

  /** Takes in a reply, other than a truncated one; returns the questions to ask next. */
  replied(question: Question, reply: Reply): Question[] {
    this.#open -= 1;
    switch (reply.kind) {
      case 'failed':
        this.#failure = { kind: 'rcode', rcode: reply.rcode };
        return [];
      case 'truncated':
        this.#failure = UNREADABLE;
        return [];
      case 'denied':
        return [];
      case 'records':
        return question.type === 'SRV'
          ? this.#tookServices(reply)
          : this.#tookAddresses(question, reply);
    }
  }

  /** A question stays without a usable reply. */
  failed(failure: Failure): void {
    this.#open -= 1;
    this.#failure = failure;
  }

  /** Undefined while questions are open. */
  get outcome(): Outcome | undefined {
    if (this.#open > 0) {
      return undefined;
    }
    const found = this.#services.flatMap((service) =>
      endpointsOf(this.#addressesOf(service), service.port),
    );
    const [first, ...more] = found;
    if (first !== undefined) {
      return { answer: [first, ...more], ttlSeconds: this.#ttlSeconds() };
    }
    return this.#failure === undefined
      ? { answer: 'unknown', ttlSeconds: 0 }
      : { failure: this.#failure };
  }

  #tookServices({ answers, additionals }: Reply & { kind: 'records' }): Question[] {
    this.#services = servicesOf(answers, this.#name);
    for (const { target } of this.#services) {
      const addresses = addressesOf([...answers, ...additionals], target);
      if (addresses.length > 0) {
        this.#addresses.set(target, addresses);
      }
    }
    if (this.#addresses.size > 0) {
      return [];
    }
    const targets = [...new Set(this.#services.map(({ target }) => target))];
    const next = targets.flatMap((name): Question[] => [
      { name, type: 'AAAA' },
      { name, type: 'A' },
    ]);
    this.#open += next.length;
    return next;
  }

  #tookAddresses({ name, type }: Question, { answers }: Reply & { kind: 'records' }): Question[] {
    const before = this.#addresses.get(name) ?? [];
    const more = addressesOf(answers, name);
    this.#addresses.set(name, type === 'AAAA' ? [...more, ...before] : [...before, ...more]);
    return [];
  }

  #addressesOf({ target }: Service): readonly HostAddress[] {
    return this.#addresses.get(target) ?? [];
  }

  #ttlSeconds(): number {
    const used = this.#services.flatMap((service) => [service, ...this.#addressesOf(service)]);
    return Math.min(...used.map(({ ttlSeconds }) => ttlSeconds));
  }
}
