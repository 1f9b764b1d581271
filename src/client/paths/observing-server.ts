import type { Endpoint, Family } from '../../wire/endpoint.js';

/** An answer of a rendezvous server: where it heard the question of that name from. */
export interface ServerAnswer {
  readonly question: string;
  readonly mapped: Endpoint;
  /** The server's other port, where the same can be asked; 0 for none. */
  readonly otherPort: number;
}

/** A rendezvous server in whose session one can ask from where one is seen. */
export interface ObservingServer {
  /** Where it is over a family; undefined while it does not answer there. */
  endpoint(family: Family): Endpoint | undefined;
  /** Where it says that it hears this host; undefined where it did not say. */
  seenFrom(family: Family): Endpoint | undefined;
  /** Seals a question, which its answer names; undefined without a session. */
  question(): { readonly message: Uint8Array; readonly name: string } | undefined;
  /** Sends a question from WireGuard's port to where the session is kept; false when that fails. */
  send(family: Family, message: Uint8Array): boolean;
  /** Takes the answers that arrived where the session is kept. */
  takeAnswers(): ServerAnswer[];
  /** Opens an answer that arrived elsewhere; undefined if it is none. */
  open(message: Uint8Array): ServerAnswer | undefined;
}
