import type { SocketCounts } from '../socket/socket-counts.js';

/** The outcomes of queries since the start. */
export interface AnswerCounts {
  /** Answered with records. */
  answered: number;
  /** The name exists, but has no records of that type. */
  nodata: number;
  /** The name does not exist, or its peer has no endpoint. */
  nxdomain: number;
  /** Outside the zones, zone transfers, and classes other than IN. */
  refused: number;
  /** The device could not be read. */
  servfail: number;
  formerr: number;
  notimp: number;
  badvers: number;
  /** Of the replies above: truncated (TC). */
  truncated: number;
  /** Of the replies above: truncated by the source's rate of large replies. */
  limitedReplies: number;
  /** Of the replies above: from a reading older than `--max-age`, while WireGuard was slow. */
  stale: number;
  /** Not answered: responses, and messages without a whole header. */
  ignored: number;
  /** Not answered: over the rate of their source. */
  limited: number;
  /** Not answered: no room to wait for a reading of the device. */
  crowdedOut: number;
}

export interface CountsByTransport {
  readonly udp: AnswerCounts;
  readonly tcp: AnswerCounts;
}

/** Counts of a registry server since it started. */
export interface RegistryCounts {
  /** Over both transports. */
  readonly answers: Readonly<AnswerCounts>;
  readonly byTransport: CountsByTransport;
  /** Readings of the device, and those of them that failed. */
  readonly readings: { readonly done: number; readonly failed: number };
  readonly tcp: {
    readonly accepted: number;
    /** Closed to make room for others. */
    readonly displaced: number;
    /** Now. */
    readonly open: number;
  };
  readonly sockets: Readonly<SocketCounts>;
}

export function emptyCounts(): AnswerCounts {
  return {
    answered: 0,
    nodata: 0,
    nxdomain: 0,
    refused: 0,
    servfail: 0,
    formerr: 0,
    notimp: 0,
    badvers: 0,
    truncated: 0,
    limitedReplies: 0,
    stale: 0,
    ignored: 0,
    limited: 0,
    crowdedOut: 0,
  };
}

export function sumAnswers({ udp, tcp }: CountsByTransport): AnswerCounts {
  const sum = emptyCounts();
  for (const name of Object.keys(sum) as (keyof AnswerCounts)[]) {
    sum[name] = udp[name] + tcp[name];
  }
  return sum;
}
