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
 * server. `hairpin`: at our own mapping, which only this host can answer.
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

/** The waits after each transmission of a question; after the last it counts as not answered. */
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

/** The servers that a survey can ask now. */
export interface Sources {
  /** Whether anything is to be asked that was not asked yet. @default true */
  readonly mayAsk?: boolean;
  /** Whether a peer waits for the result: all is asked at once. @default false */
  readonly isAwaited?: boolean;
  /** WireGuard's port. */
  readonly localPort: number;
  readonly ownAddresses: readonly string[];
  /** The rendezvous server's first port, where a session exists. */
  readonly server: Endpoint | undefined;
  /** Its second port; 0 where the first one has to be asked for it. @default 0 */
  readonly otherPort?: number;
  /** Where other rendezvous servers hear WireGuard's port. @default there are none */
  readonly seenElsewhere?: readonly SeenElsewhere[];
  readonly stunServers: readonly Endpoint[];
}

/**
 * Finds out how NATs treat one address family of this host: decides what to ask whom, and collects what they
 * saw. Asks the server first, unless it has said already where it sees us. Where it sees us untranslated that
 * is all; else its second port and ourselves; and where the mapping depends on the destination, the first port
 * once more, in case it has just moved, and at the same time from a few other ports. STUN servers are asked at
 * once. Pure; times are milliseconds.
 */
export class NatSurvey {
  readonly #family: Family;
  #observations: Observation[] = [];
  readonly #asked = new Map<string, Asked>();
  #sources: Sources | undefined;
  #otherPort = 0;
  #hairpinning: NatBehaviour['hairpinning'] = 'unknown';
  #startedAt = Number.NEGATIVE_INFINITY;
  /** Observations from before this time may be of a mapping that is gone. */
  #validFrom = Number.NEGATIVE_INFINITY;
  /** The behaviour by the present observations, once it was asked for. */
  #behaviour: NatBehaviour | undefined;

  constructor(family: Family) {
    this.#family = family;
  }

  get observations(): readonly Observation[] {
    return this.#observations;
  }

  get behaviour(): NatBehaviour {
    if (this.#sources === undefined) {
      return UNKNOWN_BEHAVIOUR;
    }
    this.#behaviour ??= natBehaviour(
      this.#observations,
      this.#sources.ownAddresses,
      this.#hairpinning,
    );
    return this.#behaviour;
  }

  /** Whether all that is worth asking was asked, and nothing is being asked. */
  get isSettled(): boolean {
    const isHeld = this.#sources?.mayAsk === false && this.behaviour.translation !== 'none';
    return !isHeld && [...this.#asked.values()].every((it) => it.isAnswered || isGivenUp(it));
  }

  /** Whether a STUN server answered in this survey; undefined while it may still, or was not asked. */
  hasStunAnswer(server: Endpoint): boolean | undefined {
    const asked = this.#asked.get(keyOf({ kind: 'stun', to: server, ordinal: 0 }));
    return asked?.isAnswered || (asked !== undefined && isGivenUp(asked) ? false : undefined);
  }

  /** Discards all observations: this host is in another network, or has another port. */
  restart(now: number): void {
    this.#observations = [];
    this.#asked.clear();
    this.#otherPort = 0;
    this.#hairpinning = 'unknown';
    this.#startedAt = Number.NEGATIVE_INFINITY;
    this.#validFrom = now;
    this.#behaviour = undefined;
  }

  /** Sets the servers to ask. */
  use(sources: Sources, now: number): void {
    if (this.#sources !== undefined && this.#sources.localPort !== sources.localPort) {
      this.restart(now);
    }
    this.#sources = sources;
    const isStale = now >= this.#startedAt + RETRY_MS && this.behaviour.mapping === 'unknown';
    if (this.#startedAt > Number.NEGATIVE_INFINITY && this.isSettled && isStale) {
      this.restart(now);
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
          this.#behaviour = undefined;
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
      this.#behaviour = undefined;
      return;
    }
    if (question.kind === 'server') {
      this.#otherPort = otherPort;
    }
    this.observed(observation);
    this.#plan(observation.at);
  }

  /** Takes in where this host was seen. */
  observed(observation: Observation): void {
    if (observation.mapped.family === this.#family) {
      this.#observations = [...this.#observations, observation].slice(-MAX_OBSERVATIONS);
      this.#behaviour = undefined;
    }
  }

  /** Where the server saw WireGuard's port last. */
  get #seenAtServer(): Observation | undefined {
    const { server, localPort } = this.#sources ?? {};
    return this.#observations
      .filter((it) => it.localPort === localPort && sameEndpoint(it.asked, server))
      .at(-1);
  }

  /**
   * A peer at `asked` saw WireGuard's port: that shows a mapping which depends on the address. It counts while
   * it can be compared with what the server saw, and only from the same side of the NAT: by a path through a LAN
   * a peer sees another address. Returns whether it counts.
   */
  seenByPeer(asked: Endpoint, mapped: Endpoint, now: number): boolean {
    const seen = this.#seenAtServer;
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

  /**
   * The server sees us from there, as it said at `at`. The first time, that is an observation; another mapping than at
   * the last survey asks for a new one.
   */
  seenFrom(mapped: Endpoint, at: number, now: number): void {
    const { server, localPort } = this.#sources ?? {};
    if (server === undefined || localPort === undefined) {
      return;
    }
    const before = this.#seenAtServer;
    if (before === undefined) {
      if (at >= this.#validFrom) {
        this.observed({ localPort, asked: server, mapped, at });
      }
    } else if (!sameEndpoint(before.mapped, mapped) && now >= this.#startedAt + MIN_RENEWAL_MS) {
      this.restart(now);
    }
  }

  /** Asks what is worth asking by now, each question once. */
  #plan(now: number): void {
    const {
      server,
      stunServers,
      ownAddresses = [],
      mayAsk = true,
    } = this.#sources ?? { stunServers: [] };
    if (!mayAsk) {
      return;
    }
    for (const to of stunServers) {
      this.#ask('stun', to, 0, now);
    }
    if (server === undefined) {
      return;
    }
    const first = this.#find(server);
    if (first !== undefined && isUntranslated(first, ownAddresses)) {
      return;
    }
    const otherPort = this.#knownOtherPort;
    if (first === undefined || otherPort === 0) {
      this.#ask('server', server, 0, now);
    }
    if (first === undefined) {
      return;
    }
    this.#compare(first);
    if (otherPort !== 0) {
      this.#ask('probe-port', { ...server, port: otherPort }, 0, now);
    }
    this.#planFurther(server, first, now);
  }

  /** The server's other port; 0 for none. */
  get #knownOtherPort(): number {
    return this.#sources?.otherPort || this.#otherPort;
  }

  /** Takes in what servers at other addresses see, once in a survey. */
  #compare({ at, localPort }: Observation): void {
    for (const { asked, mapped, at: seenAt } of this.#sources?.seenElsewhere ?? []) {
      const isOfNow = seenAt >= this.#validFrom && Math.abs(seenAt - at) <= COMPARABLE_MS;
      if (isOfNow && this.#find(asked) === undefined) {
        this.observed({ localPort, asked, mapped, at: seenAt });
      }
    }
  }

  #planFurther(server: Endpoint, first: Observation, now: number): void {
    const { mapping } = this.behaviour;
    if (mapping === 'endpoint-independent') {
      this.#ask('hairpin', first.mapped, 0, now);
      return;
    }
    const mayBeDependent = this.#sources?.isAwaited === true && this.#knownOtherPort !== 0;
    if (mapping === 'unknown' && !mayBeDependent) {
      return;
    }
    // All at once: connecting through such a NAT waits for the answers.
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
