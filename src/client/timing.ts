/** First requests for a peer that the server does not know yet are this far apart. */
export const FIRST_INTERVAL_MS = 200;

/** So many requests keep the first interval; then it grows. */
export const FIRST_REQUESTS = 5;

/** Growth of the interval from request to request, up to MAX_INTERVAL_MS. */
export const INTERVAL_GROWTH = 1.5;

/** Requests for a peer without a handshake are never further apart than this. */
export const MAX_INTERVAL_MS = 2000;

/** After so many, some five minutes, requests about a peer that does not connect are as rare as refreshes. */
export const PATIENT_REQUESTS = 150;

/** No two requests of a client about the same peer are closer together than this. */
export const MIN_SPACING_MS = 10;

/** A client that waits does so for at least this long: the resolution of timers. */
export const MIN_WAIT_MS = 1;

/** A registration is refreshed this long after the last request: below the 30 s of the shortest NAT timers. */
export const REFRESH_INTERVAL_MS = 25_000;

/** A request without a reply is repeated after this long at first; the limit doubles with each. */
export const MIN_REPLY_TIMEOUT_MS = 500;
export const MAX_REPLY_TIMEOUT_MS = 2000;

/** After so many repetitions without a reply the next peer has its turn. */
export const ATTEMPTS_PER_TURN = 3;

/** A reply that is later than this counts as lost: Linux forgets a NAT's unanswered UDP flow after 30 s. */
export const REPLY_LIFETIME_MS = 30_000;

/** The number of unanswered requests that are remembered; with so many, the client asks about no other peer. */
export const MAX_UNANSWERED = 64;

/** A client looks itself up this long after its first request, and then this often where all is well. */
export const FIRST_CHECK_MS = 5000;
export const CHECK_INTERVAL_MS = 300_000;

/** A check that found nothing is repeated after this long, and then this often. */
export const RECHECK_MS = 2000;
export const FAILED_CHECK_INTERVAL_MS = 25_000;

/** A check waits until no peer is due for at least this long: more than between first requests. */
export const CHECK_ROOM_MS = 250;

/** A check waits this long for missing replies, and then goes out with at most so many of them missing. */
export const CHECK_PATIENCE_MS = 60_000;
export const MAX_MISSING_AT_CHECK = 2;

/** A handshake younger than this is left alone. */
export const FRESH_HANDSHAKE_MS = 150_000;

/** WireGuard's REJECT_AFTER_TIME: until then a session can still carry data. */
export const REJECT_AFTER_MS = 180_000;

/** Within REJECT_AFTER_MS a peer that was heard this recently is left alone too. */
export const HEARD_MS = 30_000;

/** WireGuard repeats a handshake after REKEY_TIMEOUT, 5 s: a change has that long to take effect. */
export const CONNECTING_MS = 10_000;

/** How often the interface is read: soon after an event of a connecting peer, later, and otherwise. */
export const CONNECTING_POLL_MS = 100;
export const MAX_CONNECTING_POLL_MS = 500;
export const IDLE_POLL_MS = 2000;

/** How often an interface that cannot be used is inspected again. */
export const NOT_READY_POLL_MS = 1000;

/** The round trip between two peers where nothing was measured, and the longest plausible one. */
export const DEFAULT_ROUND_TRIP_MS = 200;
export const MAX_ROUND_TRIP_MS = 3000;

/** A change that could not be made is tried again after this long. */
export const CHANGE_RETRY_MS = 2000;

/** How long after a failure the same thing is tried again: doubles from the first to the second. */
export const MIN_RETRY_MS = 1000;
export const MAX_RETRY_MS = 30_000;

/** A server name is looked up again this often, and sooner while the server is silent. */
export const RESOLVE_INTERVAL_MS = 60_000;
export const SILENT_RESOLVE_INTERVAL_MS = 10_000;
