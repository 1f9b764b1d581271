import type { Endpoint, Family } from '../../wire/endpoint.js';

/** An answer of a rendezvous server: where it heard the question of that name from. */
export interface ServerAnswer {
  readonly question: string;
  readonly mapped: Endpoint;
  /** The server's other port, where the same can be asked; 0 for none. */
  readonly otherPort: number;
}

/** Where another server hears this host, too. */
export interface SeenElsewhere {
  /** Where that server is. */
  readonly asked: Endpoint;
  readonly mapped: Endpoint;
  /** When it said so. */
  readonly at: number;
}

/** A rendezvous server that tells this host, in its session, where it sees it. */
export interface ObservingServer {
  /** Where it is over a family; undefined while it does not answer there. */
  endpoint(family: Family): Endpoint | undefined;
  /** Where it says that it hears this host; undefined where it did not say. */
  seenFrom(family: Family): Endpoint | undefined;
  /** When it said so last. */
  seenAt(family: Family): number | undefined;
  /** Its other port, as its session says; 0 where none is known. */
  otherPort(family: Family): number;
  /** Where others hear this host: those that `endpoint` does not name. */
  seenElsewhere(family: Family): readonly SeenElsewhere[];
  /** Seals a question for the server of a family, which its answer names; undefined without a session. */
  question(family: Family): { readonly message: Uint8Array; readonly name: string } | undefined;
  /** Sends a question from WireGuard's port to where the session is kept; false when that fails. */
  send(family: Family, message: Uint8Array): boolean;
  /** Takes the answers that arrived where the session is kept. */
  takeAnswers(): ServerAnswer[];
  /** Opens an answer that arrived elsewhere; undefined if it is none. */
  open(message: Uint8Array): ServerAnswer | undefined;
}
