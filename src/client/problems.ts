import { WgError } from '../wireguard/wg-error.js';

/** What can go wrong for a while; each topic has at most one problem at a time. */
export type Topic =
  | 'interface'
  | 'peer'
  | 'server'
  | 'name'
  | 'socket'
  | 'socket-namespace'
  | 'send'
  | 'probes'
  | 'endpoint'
  | 'route'
  | 'change'
  | 'private-key'
  | 'server-key'
  | 'registration'
  | 'clock'
  | 'want-list';

/** Codes after which there is no use in trying again. */
const FATAL = new Set(['WG_TOOL_MISSING', 'WG_NOT_PERMITTED', 'ADDON_UNUSABLE', 'EPERM', 'EACCES']);

/** Says each problem once, and once that it is over. */
export class Problems {
  readonly #open = new Map<Topic, string>();
  readonly #said: (topic: Topic, text: string | undefined) => void;

  /** @param said is told a problem's text, or undefined when it is over */
  constructor(said: (topic: Topic, text: string | undefined) => void) {
    this.#said = said;
  }

  /** The problems that are open now. */
  get texts(): string[] {
    return [...this.#open.values()];
  }

  raise(topic: Topic, text: string): void {
    if (this.#open.get(topic) !== text) {
      this.#open.set(topic, text);
      this.#said(topic, text);
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
