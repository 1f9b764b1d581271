import type { SocketCounts } from '../socket/socket-counts.js';

/** What queries came to, since the start. */
export interface AnswerCounts {
  /** Answers with what was asked for. */
  answered: number;
  /** The name exists, nothing of that type does. */
  nodata: number;
  /** The name does not exist, or is of a peer without endpoint. */
  nxdomain: number;
  /** Outside the zones, or not to be had (zone transfers, classes other than IN). */
  refused: number;
  /** The device could not be read. */
  servfail: number;
  formerr: number;
  notimp: number;
  badvers: number;
  /** Replies of those above that said TC. */
  truncated: number;
  /** Replies of those above from a reading older than `--max-age`, while WireGuard was slow. */
  stale: number;
  /** Not answered: responses, and what has no whole header. */
  ignored: number;
  /** Not answered: over their source's rate. */
  limited: number;
  /** Not answered: too many waited for a reading of the device already. */
  crowdedOut: number;
}

export interface CountsByTransport {
  readonly udp: AnswerCounts;
  readonly tcp: AnswerCounts;
}

/** What a registry server has done since it started. */
export interface RegistryCounts {
  /** Over both transports. */
  readonly answers: Readonly<AnswerCounts>;
  readonly byTransport: CountsByTransport;
  /** Readings of the device, and those of them that failed. */
  readonly readings: { readonly done: number; readonly failed: number };
  readonly tcp: {
    readonly accepted: number;
    readonly turnedAway: number;
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
