/** An initiation without answer is sent again after this long at first; the wait doubles with each. */
export const FIRST_HANDSHAKE_RETRY_MS = 300;
export const MAX_HANDSHAKE_RETRY_MS = 2000;

/** One that carries a cookie is replaced, not repeated, so the wait has to grow beyond any round trip. */
export const MAX_COOKIE_RETRY_MS = 8000;

/** After so many without answer the cookies may be at fault: they are forgotten, and asked for anew. */
export const COOKIE_HANDSHAKES = 5;

/** After so many without answer, some five minutes, they are this far apart. */
export const PATIENT_HANDSHAKES = 150;
export const PATIENT_HANDSHAKE_RETRY_MS = 25_000;

/** Handshakes are no closer together than this, those that a notice asks for, and after a refusal. */
export const HANDSHAKE_SPACING_MS = 300;
export const NOTICE_SPACING_MS = 2000;
export const FIRST_REFUSED_RETRY_MS = 2000;
export const MAX_REFUSED_RETRY_MS = 25_000;

/** A session of this age is replaced; at the second it is refused. */
export const REKEY_AFTER_MS = 600_000;
export const REJECT_AFTER_MS = 900_000;

/** A session that was replaced is still heard for this long. */
export const OVERLAP_MS = 10_000;

/** A datagram that is to be answered is sent again after this long at first; the wait doubles with each. */
export const FIRST_RETRY_MS = 500;
export const MAX_RETRY_MS = 2000;

/** After so many of them without any answer, the session may be dead on the other side. */
export const UNANSWERED_SENDS = 4;

/** A peer that the server refused for want of room is wanted again after this long. */
export const NOT_KEPT_RETRY_MS = 60_000;

/** Datagrams of each kind that wait for their answer at a time. */
export const WANTS_IN_FLIGHT = 32;
export const OFFERS_IN_FLIGHT = 8;

/** A ping goes out over each address family this long after the last message. */
export const PING_INTERVAL_MS = 25_000;

/** A clock that differs by more than this from the server's is wrong, whatever the reason. */
export const CLOCK_TOLERANCE_MS = 3_600_000;

/** The wait after the given number (from 1 on) of sends: the first, doubled with each, up to a limit. */
export function retryDelay(sends: number, first: number, max: number): number {
  return Math.min(first * 2 ** (sends - 1), max);
}
