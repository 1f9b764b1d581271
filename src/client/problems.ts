import { WgError } from '../wireguard/wg-error.js';

/** What can go wrong for a while; each topic has at most one problem at a time. */
export type Topic =
  | 'interface'
  | 'peer'
  | 'server'
  | 'name'
  | 'socket'
  | 'stun'
  | 'socket-namespace'
  | 'send'
  | 'probes'
  | 'hard-nat'
  | 'port-mapping'
  | 'switch-over'
  | 'endpoint'
  | 'route'
  | 'change'
  | 'private-key'
  | 'server-key'
  | 'registration'
  | 'observed'
  | 'clock'
  | 'want-list'
  | 'relay'
  | 'status';

/** Codes after which trying again is useless. */
const FATAL = new Set(['WG_TOOL_MISSING', 'WG_NOT_PERMITTED', 'ADDON_UNUSABLE', 'EPERM', 'EACCES']);

/** The number of facts that are remembered to report each once; with more, the oldest may be reported again. */
const MAX_FACTS = 64;

/** Reports each problem once, its end once, and each fact once. */
export class Problems {
  readonly #open = new Map<Topic, string>();
  readonly #facts = new Set<string>();
  readonly #said: (topic: Topic, text: string | undefined, server?: string) => void;
  readonly #ofServers = new Map<string, Problems>();
  readonly #noted: (fact: string) => void;

  /**
   * @param said gets a problem's text, or undefined when it is over; and the server whose problem it is, where
   * there are several
   * @param noted gets facts that are not problems, but help to understand what the client does
   */
  constructor(
    said: (topic: Topic, text: string | undefined, server?: string) => void,
    noted: (fact: string) => void = () => {},
  ) {
    this.#said = said;
    this.#noted = noted;
  }

  /** The problems that are open now. */
  get texts(): string[] {
    const ofServers = [...this.#ofServers.values()].flatMap(({ texts }) => texts);
    return [...new Set([...this.#open.values(), ...ofServers])];
  }

  /** The problems of one of several servers: each has its own topics, and its name is in every text. */
  of(server: string): Problems {
    const known = this.#ofServers.get(server);
    if (known !== undefined) {
      return known;
    }
    const its = new ServerProblems(
      server,
      (topic, text) => this.#said(topic, text, server),
      (fact) => this.note(fact),
    );
    this.#ofServers.set(server, its);
    return its;
  }

  /** Reports a fact, once. */
  note(fact: string): void {
    if (this.#facts.has(fact)) {
      return;
    }
    const [oldest] = this.#facts;
    if (oldest !== undefined && this.#facts.size >= MAX_FACTS) {
      this.#facts.delete(oldest);
    }
    this.#facts.add(fact);
    this.#noted(fact);
  }

  raise(topic: Topic, text: string): void {
    if (this.#open.get(topic) !== text) {
      this.#open.set(topic, text);
      this.#said(topic, text);
    }
  }

  /** Raises a problem, or clears it where there is none. */
  report(topic: Topic, text: string | undefined): void {
    if (text === undefined) {
      this.clear(topic);
    } else {
      this.raise(topic, text);
    }
  }

  /** Raises an error that can pass; throws one that no retry can mend: no permission, no `wg` tool. */
  raiseError(topic: Topic, error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined && FATAL.has(code)) {
      throw error;
    }
    this.raise(topic, error instanceof WgError ? error.message : `${topic}: ${error.message}`);
  }

  clear(topic: Topic): void {
    if (this.#open.delete(topic)) {
      this.#said(topic, undefined);
    }
  }
}

class ServerProblems extends Problems {
  readonly #server: string;

  constructor(
    server: string,
    said: (topic: Topic, text: string | undefined) => void,
    noted: (fact: string) => void,
  ) {
    super(said, noted);
    this.#server = server;
  }

  override raise(topic: Topic, text: string): void {
    super.raise(topic, text.includes(this.#server) ? text : `${this.#server}: ${text}`);
  }
}
