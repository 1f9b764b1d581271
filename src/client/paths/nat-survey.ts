import { type Endpoint, type Family, formatEndpoint, sameEndpoint } from '../../wire/endpoint.js';
import {
  COMPARABLE_MS,
  type NatBehaviour,
  natBehaviour,
  type Observation,
  UNKNOWN_BEHAVIOUR,
} from './nat-behaviour.js';
import type { SeenElsewhere } from './observing-server.js';

/**
 * How a question is asked. `server`: sealed, at the rendezvous server's first port. `probe-port`: the same at
 * its second one. `held`: the same from another port of this host, for another mapping. `stun`: at a STUN
 * server. `hairpin`: at our own mapping, which nobody but ourselves can answer.
 */
export type QuestionKind = 'server' | 'probe-port' | 'held' | 'stun' | 'hairpin';

/** What a datagram asks: from where it is seen to come. */
export interface Question {
  readonly kind: QuestionKind;
  readonly to: Endpoint;
  /** Tells questions of one kind to one endpoint apart. */
  readonly ordinal: number;
}

interface Asked extends Question {
  sends: number;
  dueAt: number;
  isAnswered: boolean;
}

/** A question is sent so often, with these waits after it; then it counts as not answered. */
const WAITS_MS = [500, 1000, 1500] as const;

/** A hairpinned datagram takes no longer than the way to the server; a lost one is rare. */
const HAIRPIN_WAITS_MS = [400, 600] as const;

/** Mappings from other ports, where one mapping for each destination says how ports step or where they lie. */
const HELD_PORTS = 4;

/** A survey that learned nothing is made again after this long. */
const RETRY_MS = 300_000;

/** The mapping seems to have moved: a new survey, but no more often than this. */
const MIN_RENEWAL_MS = 60_000;

/** Observations that are kept: more than one survey makes. */
const MAX_OBSERVATIONS = 64;

/** Whom a survey can ask now. */
export interface Sources {
  /** WireGuard's port. */
  readonly localPort: number;
  readonly ownAddresses: readonly string[];
  /** The rendezvous server's first port, where a session exists; its second one is learned from it. */
  readonly server: Endpoint | undefined;
  /** Where other rendezvous servers hear WireGuard's port. @default there are none */
  readonly seenElsewhere?: readonly SeenElsewhere[];
  readonly stunServers: readonly Endpoint[];
}

/**
 * Finds out how NATs treat one address family of this host: decides what to ask whom, and collects what they
 * saw. Asks the server first. Where it sees us untranslated that is all; else its second port and ourselves;
 * and where the mapping depends on the destination, the first port once more, in case it has just moved, and
 * at the same time from a few other ports. STUN servers are asked at once. Pure; times are milliseconds.
 */
export class NatSurvey {
  readonly #family: Family;
  #observations: Observation[] = [];
  readonly #asked = new Map<string, Asked>();
  #sources: Sources | undefined;
  #otherPort = 0;
  #hairpinning: NatBehaviour['hairpinning'] = 'unknown';
  #startedAt = Number.NEGATIVE_INFINITY;
  /** When the first question of this survey was asked. */
  #begunAt = Number.POSITIVE_INFINITY;

  constructor(family: Family) {
    this.#family = family;
  }

  get observations(): readonly Observation[] {
    return this.#observations;
  }

  get behaviour(): NatBehaviour {
    return this.#sources === undefined
      ? UNKNOWN_BEHAVIOUR
      : natBehaviour(this.#observations, this.#sources.ownAddresses, this.#hairpinning);
  }

  /** Whether nothing is being asked. */
  get isSettled(): boolean {
    return [...this.#asked.values()].every((it) => it.isAnswered || isGivenUp(it));
  }

  /** Whether a STUN server answered in this survey; undefined while it may still, or was not asked. */
  hasStunAnswer(server: Endpoint): boolean | undefined {
    const asked = this.#asked.get(keyOf({ kind: 'stun', to: server, ordinal: 0 }));
    return asked?.isAnswered || (asked !== undefined && isGivenUp(asked) ? false : undefined);
  }

  /** Another place, or another port: what was observed is void. */
  restart(): void {
    this.#observations = [];
    this.#asked.clear();
    this.#otherPort = 0;
    this.#hairpinning = 'unknown';
    this.#startedAt = Number.NEGATIVE_INFINITY;
    this.#begunAt = Number.POSITIVE_INFINITY;
  }

  /** Sets whom to ask. */
  use(sources: Sources, now: number): void {
    if (this.#sources?.localPort !== sources.localPort) {
      this.restart();
    }
    this.#sources = sources;
    const isStale = now >= this.#startedAt + RETRY_MS && this.behaviour.mapping === 'unknown';
    if (this.#startedAt > Number.NEGATIVE_INFINITY && this.isSettled && isStale) {
      this.restart();
    }
    this.#plan(now);
  }

  /** The questions to send now; the caller sends each. */
  due(now: number): Question[] {
    const due = [...this.#asked.values()].filter(
      (it) => !it.isAnswered && !isGivenUp(it) && it.dueAt <= now,
    );
    for (const it of due) {
      it.dueAt = now + waitsOf(it.kind)[it.sends]!;
      it.sends++;
    }
    return due;
  }

  /** When there is something to do; Infinity for never. */
  get nextAt(): number {
    const open = [...this.#asked.values()].filter((it) => !it.isAnswered && it.dueAt < Infinity);
    return Math.min(Number.POSITIVE_INFINITY, ...open.map(({ dueAt }) => dueAt));
  }

  /** Gives up the questions whose last wait is over. */
  expire(now: number): void {
    for (const it of this.#asked.values()) {
      if (!it.isAnswered && it.sends === waitsOf(it.kind).length && it.dueAt <= now) {
        it.dueAt = Number.POSITIVE_INFINITY;
        if (it.kind === 'hairpin') {
          this.#hairpinning = 'no';
        }
      }
    }
    this.#plan(now);
  }

  /**
   * A question was answered.
   * @param otherPort the server's other port, from its first one; 0 where it has none
   */
  answered(question: Question, observation: Observation, otherPort: number): void {
    const asked = this.#asked.get(keyOf(question));
    const isOld = question.kind !== 'held' && observation.localPort !== this.#sources?.localPort;
    if (asked === undefined || asked.isAnswered || isOld) {
      return;
    }
    asked.isAnswered = true;
    if (question.kind === 'hairpin') {
      this.#hairpinning = 'yes';
      return;
    }
    if (question.kind === 'server') {
      this.#otherPort = otherPort;
    }
    this.observed(observation);
    this.#plan(observation.at);
  }

  /** Somebody saw us. */
  observed(observation: Observation): void {
    if (observation.mapped.family === this.#family) {
      this.#observations = [...this.#observations, observation].slice(-MAX_OBSERVATIONS);
    }
  }

  /**
   * A peer at `asked` saw WireGuard's port: that shows a mapping which depends on the address. It counts while
   * it can be compared with what the server saw, and only from the same side of the NAT: by a path through a LAN
   * a peer sees another address. Returns whether it counts.
   */
  seenByPeer(asked: Endpoint, mapped: Endpoint, now: number): boolean {
    const { server, localPort } = this.#sources ?? {};
    const seen = this.#observations
      .filter((it) => it.localPort === localPort && sameEndpoint(it.asked, server))
      .at(-1);
    const isComparable =
      seen !== undefined &&
      seen.at >= now - COMPARABLE_MS &&
      seen.mapped.address === mapped.address &&
      asked.address !== mapped.address;
    if (!isComparable || this.#find(asked) !== undefined) {
      return false;
    }
    this.observed({ localPort: seen.localPort, asked, mapped, at: now });
    return true;
  }

  /** The server sees us from there: another mapping than at the last survey asks for a new one. */
  seenFrom(mapped: Endpoint, now: number): void {
    const server = this.#sources?.server;
    const before = this.#observations
      .filter(
        ({ asked, localPort }) =>
          localPort === this.#sources?.localPort && sameEndpoint(asked, server),
      )
      .at(-1);
    const isOld = now >= this.#startedAt + MIN_RENEWAL_MS;
    if (before !== undefined && !sameEndpoint(before.mapped, mapped) && isOld) {
      this.restart();
    }
  }

  /** Asks what is worth asking by now, each question once. */
  #plan(now: number): void {
    const { server, stunServers, ownAddresses = [] } = this.#sources ?? { stunServers: [] };
    for (const to of stunServers) {
      this.#ask('stun', to, 0, now);
    }
    if (server === undefined) {
      return;
    }
    this.#ask('server', server, 0, now);
    const first = this.#find(server);
    if (first === undefined || isUntranslated(first, ownAddresses)) {
      return;
    }
    this.#compare(first);
    if (this.#otherPort !== 0) {
      this.#ask('probe-port', { ...server, port: this.#otherPort }, 0, now);
    }
    this.#planFurther(server, first, now);
  }

  /**
   * Takes in what servers at other addresses see, once in a survey. What they said before it began may be of a
   * mapping that is gone.
   */
  #compare({ at, localPort }: Observation): void {
    for (const { asked, mapped, at: seenAt } of this.#sources?.seenElsewhere ?? []) {
      const isOfNow = seenAt >= this.#begunAt && seenAt <= at + COMPARABLE_MS;
      if (isOfNow && this.#find(asked) === undefined) {
        this.observed({ localPort, asked, mapped, at: seenAt });
      }
    }
  }

  #planFurther(server: Endpoint, first: Observation, now: number): void {
    const { mapping } = this.behaviour;
    if (mapping === 'unknown') {
      return;
    }
    if (mapping === 'endpoint-independent') {
      this.#ask('hairpin', first.mapped, 0, now);
      return;
    }
    // All at once: who connects through such a NAT waits for the answers.
    this.#ask('server', server, 1, now);
    for (let ordinal = 0; ordinal < HELD_PORTS; ordinal++) {
      this.#ask('held', server, ordinal, now);
    }
  }

  /** What was seen at an endpoint in this survey. */
  #find(asked: Endpoint): Observation | undefined {
    const newest = this.#observations.at(-1)?.at ?? 0;
    return this.#observations
      .filter((it) => it.at >= newest - COMPARABLE_MS && sameEndpoint(it.asked, asked))
      .at(-1);
  }

  #ask(kind: QuestionKind, to: Endpoint, ordinal: number, now: number): void {
    const key = keyOf({ kind, to, ordinal });
    if (!this.#asked.has(key)) {
      this.#startedAt = Math.max(this.#startedAt, now);
      this.#begunAt = Math.min(this.#begunAt, now);
      this.#asked.set(key, { kind, to, ordinal, sends: 0, dueAt: now, isAnswered: false });
    }
  }
}

function waitsOf(kind: QuestionKind): readonly number[] {
  return kind === 'hairpin' ? HAIRPIN_WAITS_MS : WAITS_MS;
}

function isGivenUp({ dueAt }: Asked): boolean {
  return dueAt === Number.POSITIVE_INFINITY;
}

function keyOf({ kind, to, ordinal }: Question): string {
  return `${kind} ${formatEndpoint(to)} ${ordinal}`;
}

function isUntranslated({ mapped, localPort }: Observation, own: readonly string[]): boolean {
  return mapped.port === localPort && own.includes(mapped.address);
}
