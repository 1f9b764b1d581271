/** Outcomes of the sealed protocol's datagrams since the start. */
export interface SealedCounts {
  /** Datagrams that are not a client's message; not answered. */
  malformed: number;
  /** Classic requests that a server of the sealed protocol only ignored. */
  classicDropped: number;

  /** Initiations, and their outcomes before Diffie-Hellman. */
  initiations: number;
  wrongKey: number;
  cookies: number;
  /** Initiations that had been admitted before. */
  handshakesRepeated: number;
  /** Not begun: over the rate of the source; no time left for handshakes. */
  handshakesLimited: number;
  handshakesDeferred: number;
  /** X25519 operations, two for each initiation that is opened and two more for its response. */
  diffieHellman: number;
  /** Initiations that could not be opened; responses by status. */
  handshakesBroken: number;
  welcomed: number;
  notAllowed: number;
  staleTimestamp: number;
  full: number;
  /** Want lists in initiations that were taken in. */
  earlyWants: number;
  /** Sessions in which the first data arrived. */
  confirmed: number;

  /** Data messages: opened; forged, repeated or too old; of no session; over the client's rate. */
  opened: number;
  rejected: number;
  unknownSession: number;
  clientLimited: number;
  notices: number;
  /** Opened, from an unproven source: challenged; late, and so ignored. */
  challenges: number;
  unprovenIgnored: number;
  /** Sources that answered a path challenge. */
  moves: number;
  /** Opened, but not a client's frame; changes that arrived too late. */
  malformedFrames: number;
  lateChanges: number;
  /** Wants that were not kept. */
  wantsRefused: number;

  pushes: number;
  pushesAcknowledged: number;
  pushesRetried: number;
  pushesGivenUp: number;
  /** Clients that were not heard for the time to live, or said goodbye. */
  forgotten: number;
  /** Questions of clients from where they are seen. */
  observed: number;
}

/** Present sizes. */
export interface SealedSizes {
  readonly clients: number;
  readonly sessions: number;
  readonly wants: number;
  readonly candidates: number;
}

export function noSealedCounts(): SealedCounts {
  return {
    malformed: 0,
    classicDropped: 0,
    initiations: 0,
    wrongKey: 0,
    cookies: 0,
    handshakesRepeated: 0,
    handshakesLimited: 0,
    handshakesDeferred: 0,
    diffieHellman: 0,
    handshakesBroken: 0,
    welcomed: 0,
    notAllowed: 0,
    staleTimestamp: 0,
    full: 0,
    earlyWants: 0,
    confirmed: 0,
    opened: 0,
    rejected: 0,
    unknownSession: 0,
    clientLimited: 0,
    notices: 0,
    challenges: 0,
    unprovenIgnored: 0,
    moves: 0,
    malformedFrames: 0,
    lateChanges: 0,
    wantsRefused: 0,
    pushes: 0,
    pushesAcknowledged: 0,
    pushesRetried: 0,
    pushesGivenUp: 0,
    forgotten: 0,
    observed: 0,
  };
}
