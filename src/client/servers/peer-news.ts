import { type Endpoint, sameEndpoint } from '../../wire/endpoint.js';
import { encodeCandidates, type PeerCandidates } from '../../wire/sealed-candidates.js';
import type { Answer, Candidates } from '../finder.js';

/** Endpoints of a peer: servers that see it at different ones would otherwise multiply the probes. */
const MAX_ENDPOINTS = 4;

/** What one server says about a peer. */
interface Report {
  answer: Answer | undefined;
  /** When the answer last changed, as the number of that change. */
  answerChange: number;
  offers: PeerCandidates | undefined;
  offersChange: number;
  relay: Endpoint | undefined;
}

/**
 * Joins what several servers say about one peer: the newest observation comes first. A server that does not know
 * the peer says nothing against one that does, because the peer need not use all of them. Servers go by their
 * number. Pure.
 */
export class PeerNews {
  readonly #reports: readonly Report[];
  #changes = 0;

  /** @param count of servers */
  constructor(count: number) {
    this.#reports = Array.from({ length: count }, () => ({
      answer: undefined,
      answerChange: 0,
      offers: undefined,
      offersChange: 0,
      relay: undefined,
    }));
  }

  /** The latest answer of one server. */
  answerOf(server: number): Answer | undefined {
    return this.#reports[server]?.answer;
  }

  /** Whether a server says where the peer is: then both of us use it, and want each other. */
  isFoundBy(server: number): boolean {
    const answer = this.answerOf(server);
    return answer !== undefined && answer !== 'unknown';
  }

  /** Takes in an answer; a repeated one changes nothing. */
  answered(server: number, answer: Answer): void {
    const report = this.#reports[server];
    if (report !== undefined && !sameAnswer(report.answer, answer)) {
      report.answer = answer;
      report.answerChange = ++this.#changes;
    }
  }

  /** Takes in the peer's candidates as one server passed them on. */
  offered(server: number, offers: PeerCandidates | undefined): void {
    const report = this.#reports[server];
    if (report !== undefined && !sameOffers(report.offers, offers)) {
      report.offers = offers;
      report.offersChange = ++this.#changes;
    }
  }

  /** Takes in where one server relays to the peer. */
  relayed(server: number, endpoint: Endpoint | undefined): void {
    const report = this.#reports[server];
    if (report !== undefined) {
      report.relay = endpoint;
    }
  }

  /**
   * Where the peer is by the newest observation of each family, that of both first; undefined before the first
   * answer.
   */
  get newest(): Answer | undefined {
    const all = this.#endpoints;
    return this.#answer(
      all.filter((one, i) => all.findIndex((it) => it.family === one.family) === i),
    );
  }

  /**
   * Where the peer may be, the newest observation first: to connect, also where only an older one says that it is.
   * The age of a server's first answer is unknown.
   */
  get all(): Answer | undefined {
    return this.#answer(this.#endpoints.slice(0, MAX_ENDPOINTS));
  }

  #answer([first, ...others]: readonly Endpoint[]): Answer | undefined {
    if (first !== undefined) {
      return [first, ...others] satisfies Candidates;
    }
    return this.#reports.some(({ answer }) => answer === 'unknown') ? 'unknown' : undefined;
  }

  get #endpoints(): Endpoint[] {
    const endpoints: Endpoint[] = [];
    for (const { answer } of this.#newestFirst) {
      const found = answer === undefined || answer === 'unknown' ? [] : answer;
      endpoints.push(...found.filter((one) => !endpoints.some((it) => sameEndpoint(it, one))));
    }
    return endpoints;
  }

  /** The server whose observation is the newest; undefined if none knows the peer. */
  get newestServer(): number | undefined {
    const newest = this.#newestFirst.find(({ answer }) => answer && answer !== 'unknown');
    return newest && this.#reports.indexOf(newest);
  }

  /** The peer's own candidates: of its latest run, and of those the ones that arrived last. */
  get offers(): PeerCandidates | undefined {
    const known = this.#reports.filter(({ offers }) => offers !== undefined);
    known.sort((a, b) => b.offers!.run - a.offers!.run || b.offersChange - a.offersChange);
    return known[0]?.offers;
  }

  /** The relay to use, of the first server that relays in an order that both sides have. */
  relay(order: readonly number[]): Endpoint | undefined {
    return order.map((server) => this.#reports[server]?.relay).find((it) => it !== undefined);
  }

  get #newestFirst(): Report[] {
    return [...this.#reports].sort((a, b) => b.answerChange - a.answerChange);
  }
}

function sameAnswer(a: Answer | undefined, b: Answer): boolean {
  if (a === undefined || a === 'unknown' || b === 'unknown') {
    return a === b;
  }
  return a.length === b.length && a.every((one, i) => sameEndpoint(one, b[i]));
}

function sameOffers(a: PeerCandidates | undefined, b: PeerCandidates | undefined): boolean {
  return (
    a === b ||
    (a !== undefined &&
      b !== undefined &&
      Buffer.compare(encodeCandidates(a), encodeCandidates(b)) === 0)
  );
}
