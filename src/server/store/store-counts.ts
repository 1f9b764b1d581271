/** Counts of a server's use of its store since the start. */
export interface StoreCounts {
  /** Attempts to connect with the store; connections that came up, and that ended. */
  attempts: number;
  connected: number;
  lost: number;
  /** Commands that were answered, and those answered by an error. */
  commands: number;
  errors: number;
  /** Messages to other servers, the news in them, and the news from others. */
  messagesSent: number;
  newsSent: number;
  newsReceived: number;
  /** Malformed data, read from the store or from a message. */
  malformed: number;
  /** News and lookups dropped for lack of room. */
  dropped: number;
  /** Entries written, extended, removed, and lookups of peers. */
  published: number;
  refreshed: number;
  removed: number;
  lookups: number;
  /** Registrations that other servers took over. */
  superseded: number;
  /** Classic entries: written, looked up, and answered from the store. */
  classicPublished: number;
  classicLookups: number;
  classicHits: number;
}

/** Present sizes. */
export interface StoreSizes {
  /** 1 while the store is reachable, and 1 while it takes writes. */
  readonly up: number;
  readonly writable: number;
  /** Commands without an answer. */
  readonly inFlight: number;
  /** What waits for them: clients, lookups, news, classic entries. */
  readonly queued: number;
  /** Other servers, and wants of which one of them knows the peer. */
  readonly servers: number;
  readonly remotePeers: number;
}

/** The counts at the start. */
export function noStoreCounts(): StoreCounts {
  return {
    attempts: 0,
    connected: 0,
    lost: 0,
    commands: 0,
    errors: 0,
    messagesSent: 0,
    newsSent: 0,
    newsReceived: 0,
    malformed: 0,
    dropped: 0,
    published: 0,
    refreshed: 0,
    removed: 0,
    lookups: 0,
    superseded: 0,
    classicPublished: 0,
    classicLookups: 0,
    classicHits: 0,
  };
}
