/** What can go wrong for a while; each topic has at most one problem at a time. */
export type Topic = 'interface' | 'peer' | 'server' | 'name' | 'socket' | 'send' | 'change';

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

  clear(topic: Topic): void {
    if (this.#open.delete(topic)) {
      this.#said(topic, undefined);
    }
  }
}
