import type { Approach } from './approach.js';
import { summarize } from './measure/connect.js';
import type {
  ApproachResult,
  ConnectResult,
  ConnectRound,
  Failure,
  KnownPeersResult,
  Outcome,
  PairName,
  RateResult,
  StrangerResult,
  TroubleName,
  TroubleResult,
} from './results.js';
import { failed, TROUBLE_NAMES } from './results.js';

/** The result of one approach while it grows. */
export class Draft {
  readonly #approach: Approach;
  readonly #rounds = new Map<PairName, ConnectRound[]>();
  readonly #unconnected = new Map<PairName, Failure>();
  readonly trouble: Partial<Record<TroubleName, Outcome<TroubleResult>>> = {};
  readonly rate: Record<string, Outcome<RateResult>> = {};
  problem: string | undefined;
  peers: Outcome<KnownPeersResult> | undefined;
  stranger: readonly Outcome<StrangerResult>[] | undefined;

  constructor(approach: Approach) {
    this.#approach = approach;
  }

  /** Whether this pair did not connect in an earlier round: further ones would only wait. */
  gaveUp(pair: PairName): boolean {
    return this.#unconnected.has(pair);
  }

  addRound(pair: PairName, round: Outcome<ConnectRound>): void {
    if (failed(round)) {
      this.#unconnected.set(pair, round);
    } else {
      this.#rounds.set(pair, [...(this.#rounds.get(pair) ?? []), round]);
    }
  }

  result(): ApproachResult {
    const { name, summary, needs } = this.#approach;
    if (this.problem !== undefined) {
      return { name, summary, needs, problem: this.problem };
    }
    const connect = Object.fromEntries(
      [...new Set([...this.#rounds.keys(), ...this.#unconnected.keys()])].map((pair) => [
        pair,
        this.#connectResult(pair),
      ]),
    );
    return {
      name,
      summary,
      needs,
      ...(Object.keys(connect).length > 0 && { connect }),
      ...(this.peers !== undefined && { peers: this.peers }),
      ...(Object.keys(this.trouble).length > 0 && { trouble: ordered(this.trouble) }),
      ...(Object.keys(this.rate).length > 0 && { rate: this.rate }),
      ...(this.stranger !== undefined && { stranger: this.stranger }),
    };
  }

  /** A pair that did not connect once is a failure, which says how often it did before. */
  #connectResult(pair: PairName): Outcome<ConnectResult> {
    const rounds = this.#rounds.get(pair) ?? [];
    const failure = this.#unconnected.get(pair);
    if (failure === undefined) {
      return summarize(rounds);
    }
    const after =
      rounds.length === 0
        ? ''
        : ` in round ${rounds.length + 1}, after ${rounds.length} that connected`;
    return { problem: failure.problem + after };
  }
}

/** The same, in the order of a report: they end in any. */
function ordered(trouble: Draft['trouble']): Draft['trouble'] {
  return Object.fromEntries(
    TROUBLE_NAMES.flatMap((name) => {
      const outcome = trouble[name];
      return outcome === undefined ? [] : [[name, outcome]];
    }),
  );
}
