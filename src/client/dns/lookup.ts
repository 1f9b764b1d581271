import type { Question } from '../../wire/dns-message.js';
import type { ReceivedReply } from '../../wire/dns-reply-reader.js';
import type { Answer } from '../finder.js';
import { type LookupFailure, UNREADABLE } from './failure.js';
import {
  addressesOf,
  endpointsOf,
  type HostAddress,
  type SrvTarget,
  targetsOf,
} from './records.js';

/** A question of a lookup. */
export type LookupQuestion = Question<'SRV' | 'A' | 'AAAA'>;

/** How a lookup ended. */
export type LookupOutcome =
  /** `ttlSeconds`: how long the answer may be cached. */
  { readonly answer: Answer; readonly ttlSeconds: number } | { readonly failure: LookupFailure };

/**
 * Finds a peer's endpoints: its SRV records, then the addresses of their targets, from the additional
 * section (RFC 2782) or else by further questions. Pure.
 */
export class Lookup {
  readonly #name: string;
  #targets: readonly SrvTarget[] = [];
  readonly #addresses = new Map<string, HostAddress[]>();
  #open = 1;
  #failure: LookupFailure | undefined;

  /** @param name the peer's instance */
  constructor(name: string) {
    this.#name = name;
  }

  /** The question to begin with. */
  get first(): LookupQuestion {
    return { name: this.#name, type: 'SRV' };
  }

  /** Takes in a reply, other than a truncated one; returns the questions to ask next. */
  replied(question: LookupQuestion, reply: ReceivedReply): LookupQuestion[] {
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
          ? this.#tookTargets(reply)
          : this.#tookAddresses(question, reply);
    }
  }

  /** A question stays without a usable reply. */
  failed(failure: LookupFailure): void {
    this.#open -= 1;
    this.#failure = failure;
  }

  /** Undefined while questions are open. */
  get outcome(): LookupOutcome | undefined {
    if (this.#open > 0) {
      return undefined;
    }
    const found = this.#targets.flatMap((service) =>
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

  #tookTargets({ answers, additionals }: ReceivedReply & { kind: 'records' }): LookupQuestion[] {
    this.#targets = targetsOf(answers, this.#name);
    for (const { target } of this.#targets) {
      const addresses = addressesOf([...answers, ...additionals], target);
      if (addresses.length > 0) {
        this.#addresses.set(target, addresses);
      }
    }
    if (this.#addresses.size > 0) {
      return [];
    }
    const targets = [...new Set(this.#targets.map(({ target }) => target))];
    const next = targets.flatMap((name): LookupQuestion[] => [
      { name, type: 'AAAA' },
      { name, type: 'A' },
    ]);
    this.#open += next.length;
    return next;
  }

  #tookAddresses(
    { name, type }: LookupQuestion,
    { answers }: ReceivedReply & { kind: 'records' },
  ): LookupQuestion[] {
    const before = this.#addresses.get(name) ?? [];
    const more = addressesOf(answers, name);
    this.#addresses.set(name, type === 'AAAA' ? [...more, ...before] : [...before, ...more]);
    return [];
  }

  #addressesOf({ target }: SrvTarget): readonly HostAddress[] {
    return this.#addresses.get(target) ?? [];
  }

  #ttlSeconds(): number {
    const used = this.#targets.flatMap((service) => [service, ...this.#addressesOf(service)]);
    return Math.min(...used.map(({ ttlSeconds }) => ttlSeconds));
  }
}
