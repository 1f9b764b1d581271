import type { Endpoint } from '../../wire/endpoint.js';
import type { NatBehaviour } from './nat-behaviour.js';
import { guessPorts, type PortPattern, type RandomBelow, socketCount } from './port-guesses.js';

/*
 * Two peers, one of which has a NAT with endpoint-dependent mapping ("symmetric", RFC 4787, 4.1), so that its
 * port towards the peer is unknown. It opens many sockets, whose first datagrams give it as many mappings. The
 * peer probes ports until one of them is such a mapping:
 *
 *   hard side                      its NAT        easy side
 *   256 sockets, a probe each ----> 256 ports      (the NAT drops them, or most)
 *                          <------- one of them? <-- probes from WireGuard's port, 250/s
 *   the socket answers ---------------------------> knows the port
 *
 * Rounds of probes alternate with pauses that grow. Only one peer at a time has a round.
 */

/** The part of this side: many sockets, or many ports. */
export type HardNatRole = 'sockets' | 'ports';

/** A peer that can be reached this way only. */
export interface HardNatPeer {
  readonly role: HardNatRole;
  /** The peer's endpoint as the server observes it. */
  readonly remote: Endpoint;
  /** The outside ports of the hard side. */
  readonly pattern: PortPattern;
}

/** What to do for a peer, named by its key. */
export type HardNatAction =
  /** Send a probe from WireGuard's port. */
  | { readonly type: 'probe'; readonly key: string; readonly to: Endpoint }
  /** Open so many sockets; those of an earlier round are closed. */
  | { readonly type: 'open'; readonly key: string; readonly count: number }
  /** Send a probe from each of these sockets. */
  | {
      readonly type: 'send';
      readonly key: string;
      readonly sockets: readonly number[];
      readonly to: Endpoint;
    }
  /** Close the sockets. */
  | { readonly type: 'close'; readonly key: string };

/**
 * In any second. They leave in the first part of it: the sockets wait already, and half of the pairs need no
 * more than these.
 */
const PROBES_PER_SECOND = 250;
/** So many leave at once, which is one a millisecond. */
const PROBE_PORTION = 4;
const PROBE_PORTION_MS = 4;
/** The first probes wait this long: the other side may open its sockets as late as that. */
const PROBES_AFTER_MS = 60;
/** How long a round of probes to ports takes. */
const PORTS_ROUND_MS = 8_000;
/** Sockets wait longer: the peer may be busy with another one. NATs keep a mapping for 30 s or more. */
const SOCKETS_ROUND_MS = 20_000;
/** Where several peers wait, their sockets take turns: two of them within one round of ports. */
const SOCKETS_TURN_MS = 4_000;
/** Probes that are late, as after a suspend, are left out but for this many. */
const MAX_BURST = 16;
/** Sockets send their probes in portions, so that no queue on the way overflows. */
const PORTION = 64;
const PORTION_MS = 5;
/** Between the starts of two rounds, on both sides alike; it doubles. */
const FIRST_PAUSE_MS = 30_000;
const MAX_PAUSE_MS = 300_000;
/** Peers that are gone, whose last round is remembered. */
const MAX_GONE = 1024;

/** The part of this side for a pair of NATs; undefined where neither or both sides are hard. */
export function hardNatRole(own: NatBehaviour, peer: NatBehaviour): HardNatRole | undefined {
  if (isHard(own)) {
    return isEasy(peer) ? 'sockets' : undefined;
  }
  return isHard(peer) && isEasy(own) ? 'ports' : undefined;
}

/** Whether no way leads through a pair of NATs, as far as their behaviour is known. */
export function isHopeless(own: NatBehaviour, peer: NatBehaviour): boolean {
  return isHard(own) && isHard(peer);
}

function isEasy({ mapping }: NatBehaviour): boolean {
  return mapping === 'endpoint-independent';
}

/** Where ports are preserved, the mapping for a peer is the one that the server sees, and needs no search. */
function isHard({ mapping, ports }: NatBehaviour): boolean {
  const isDependent = mapping === 'address-dependent' || mapping === 'address-and-port-dependent';
  return isDependent && ports !== 'preserved';
}

interface Candidate {
  peer: HardNatPeer;
  rounds: number;
  /** When its next round may start. */
  roundAt: number;
  /** Until then it has further turns. */
  turnsUntil: number;
  /** Its next round after these. */
  nextRoundAt: number;
  /** No round before, if it goes and comes back. */
  againAt: number;
}

interface Round {
  readonly key: string;
  readonly peer: HardNatPeer;
  readonly startedAt: number;
  ports: Iterator<number>;
  readonly sockets: number;
  /** Sockets that have sent. */
  sent: number;
  /** When the next probes leave, and when those of the last second left. */
  dueAt: number;
  probedAt: number[];
}

/** The rounds for all peers of an interface. Pure: times are milliseconds of one monotonic clock. */
export class HardNat {
  readonly #random: RandomBelow;
  readonly #candidates = new Map<string, Candidate>();
  /** When peers that are gone may have a round again, the oldest of them first. */
  readonly #gone = new Map<string, number>();
  #round: Round | undefined;

  constructor(random: RandomBelow) {
    this.#random = random;
  }

  /** The peer that has its round now. */
  get current(): string | undefined {
    return this.#round?.key;
  }

  /**
   * Tries to reach a peer, first as soon as no other has its round. Another pattern counts at once for ports, and
   * anything else from the next round on.
   */
  add(key: string, peer: HardNatPeer, now: number): void {
    const known = this.#candidates.get(key);
    if (known !== undefined) {
      const round = this.#round?.key === key ? this.#round : undefined;
      if (round !== undefined && !samePattern(known.peer.pattern, peer.pattern)) {
        round.ports = guessPorts(peer.pattern, this.#random);
      }
      known.peer = peer;
    } else {
      const againAt = this.#gone.get(key) ?? now;
      const roundAt = Math.max(now, againAt);
      this.#gone.delete(key);
      this.#candidates.set(key, {
        ...{ peer, rounds: 0, roundAt, againAt },
        turnsUntil: Number.NEGATIVE_INFINITY,
        nextRoundAt: roundAt,
      });
    }
  }

  /**
   * Ends what is done for a peer: it is connected, or gone. Sockets stay open, one of which may have got
   * through. If it comes back, its rounds begin anew, after the first pause.
   */
  remove(key: string): void {
    const candidate = this.#candidates.get(key);
    this.#candidates.delete(key);
    if (candidate !== undefined) {
      const [oldest] = this.#gone.keys();
      if (oldest !== undefined && this.#gone.size >= MAX_GONE) {
        this.#gone.delete(oldest);
      }
      this.#gone.set(key, candidate.againAt);
    }
    if (this.#round?.key === key) {
      this.#round = undefined;
    }
  }

  /** What to do now; it counts as done. */
  actions(now: number): HardNatAction[] {
    const actions = this.#endRound(now);
    if (this.#round === undefined) {
      actions.push(...this.#startRound(now));
    }
    const round = this.#round;
    if (round !== undefined) {
      actions.push(...(round.peer.role === 'ports' ? this.#probes(round, now) : sends(round, now)));
    }
    return actions;
  }

  /** When there is something to do, if nothing changes before. */
  get nextAt(): number {
    const round = this.#round;
    if (round === undefined) {
      return Math.min(...[...this.#candidates.values()].map(({ roundAt }) => roundAt));
    }
    const end = this.#endOf(round);
    const next =
      round.peer.role === 'ports'
        ? round.dueAt
        : round.startedAt + Math.ceil(round.sent / PORTION) * PORTION_MS;
    return round.peer.role === 'sockets' && round.sent >= round.sockets ? end : Math.min(next, end);
  }

  #startRound(now: number): HardNatAction[] {
    for (const candidate of this.#candidates.values()) {
      if (candidate.roundAt <= now && now >= candidate.turnsUntil) {
        // It waited for a further turn, and its round is over.
        candidate.roundAt = candidate.nextRoundAt;
      }
    }
    const due = [...this.#candidates].filter(([, { roundAt }]) => roundAt <= now);
    const [next] = due.sort(([, a], [, b]) => a.roundAt - b.roundAt);
    if (next === undefined) {
      return [];
    }
    const [key, candidate] = next;
    const { peer } = candidate;
    if (now >= candidate.turnsUntil) {
      candidate.roundAt = now + Math.min(FIRST_PAUSE_MS * 2 ** candidate.rounds, MAX_PAUSE_MS);
      candidate.rounds += 1;
      candidate.againAt = now + FIRST_PAUSE_MS;
      candidate.turnsUntil = now + (peer.role === 'sockets' ? SOCKETS_ROUND_MS : PORTS_ROUND_MS);
    } else {
      candidate.roundAt = candidate.nextRoundAt;
    }
    const count = socketCount(peer.pattern);
    const ports = guessPorts(peer.pattern, this.#random);
    const dueAt = now + PROBES_AFTER_MS;
    this.#round = {
      ...{ key, peer, startedAt: now, ports, sockets: count },
      ...{ sent: 0, dueAt, probedAt: [] },
    };
    return peer.role === 'sockets' ? [{ type: 'open', key, count }] : [];
  }

  #endRound(now: number): HardNatAction[] {
    const round = this.#round;
    if (round === undefined || now < this.#endOf(round)) {
      return [];
    }
    this.#round = undefined;
    const candidate = this.#candidates.get(round.key);
    if (candidate !== undefined) {
      const mayGoOn = now < candidate.turnsUntil;
      candidate.nextRoundAt = candidate.roundAt;
      candidate.roundAt = mayGoOn ? now : Math.max(candidate.roundAt, now);
    }
    return round.peer.role === 'sockets' ? [{ type: 'close', key: round.key }] : [];
  }

  /** Sockets make room for another peer, once they had a turn. */
  #endOf({ key, peer, startedAt }: Round): number {
    if (peer.role === 'ports') {
      return startedAt + PORTS_ROUND_MS;
    }
    const others = [...this.#candidates].filter(([other]) => other !== key);
    const wanted = Math.min(...others.map(([, { roundAt }]) => roundAt));
    const until = this.#candidates.get(key)?.turnsUntil ?? startedAt + SOCKETS_ROUND_MS;
    return Math.min(until, Math.max(wanted, startedAt + SOCKETS_TURN_MS));
  }

  #probes(round: Round, now: number): HardNatAction[] {
    const { key, peer } = round;
    if (now < round.dueAt) {
      return [];
    }
    const lastSecond = round.probedAt.filter((at) => at > now - 1_000);
    const due = PROBE_PORTION + Math.floor(now - round.dueAt);
    const count = Math.min(due, MAX_BURST, PROBES_PER_SECOND - lastSecond.length);
    round.probedAt = [...lastSecond, ...Array.from({ length: count }, () => now)];
    const isSpent = round.probedAt.length >= PROBES_PER_SECOND;
    round.dueAt = isSpent ? (round.probedAt[0] as number) + 1_000 : now + PROBE_PORTION_MS;
    return Array.from({ length: count }, () => round.ports.next().value as number | undefined)
      .filter((port) => port !== undefined)
      .map((port) => ({ type: 'probe', key, to: { ...peer.remote, port } }));
  }
}

function sends(round: Round, now: number): HardNatAction[] {
  const { key, peer, startedAt, sockets } = round;
  const portions = Math.floor((now - startedAt) / PORTION_MS) + 1;
  const end = Math.min(portions * PORTION, sockets, round.sent + MAX_BURST * PORTION);
  const chosen = Array.from({ length: Math.max(0, end - round.sent) }, (_, i) => round.sent + i);
  round.sent = Math.max(end, round.sent);
  return chosen.length > 0 ? [{ type: 'send', key, sockets: chosen, to: peer.remote }] : [];
}

function samePattern(a: PortPattern, b: PortPattern): boolean {
  return a.step === b.step && a.block?.first === b.block?.first && a.block?.size === b.block?.size;
}
