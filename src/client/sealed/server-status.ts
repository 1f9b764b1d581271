import { type ResponsePayload, STATUS } from '../../wire/sealed-response.js';
import type { Problems, Topic } from '../problems.js';
import type { ServerName } from '../server-locator.js';
import { ATTEMPTS_PER_TURN } from '../timing.js';

/** A clock that differs from the server's by more than this is wrong. */
const CLOCK_TOLERANCE_MS = 3_600_000;

const MS_PER_SECOND = 1000;
const SHOWN_PEERS = 3;

/** Why there may be no session, as far as the server's answers, or their absence, show. Pure. */
export class ServerStatus {
  /** Initiations in a row without any answer. */
  unanswered = 0;
  /** A notice says that the server has another key. */
  hasWrongKey = false;
  refusal: 'not-allowed' | 'full' | undefined;
  /** The server knows a timestamp of our key that is this many milliseconds ahead of our clock. */
  staleByMs: number | undefined;
  /** Our clock minus the server's, in milliseconds, where they are more than an hour apart. */
  clockAheadMs: number | undefined;
  #wasStale = false;

  /** A message arrived that only the server's key can have made. */
  answered(): void {
    this.unanswered = 0;
    this.hasWrongKey = false;
  }

  /** A response arrived. */
  responded({ status, clockMs }: ResponsePayload, wallNow: number): void {
    this.answered();
    const ahead = wallNow - clockMs;
    this.clockAheadMs = Math.abs(ahead) > CLOCK_TOLERANCE_MS ? ahead : undefined;
    this.refusal = undefined;
    if (status === STATUS.notAllowed) {
      this.refusal = 'not-allowed';
    } else if (status === STATUS.full) {
      this.refusal = 'full';
    } else if (status === STATUS.welcome) {
      // The handshake after a stale timestamp succeeds at once; the problem is over with the next one.
      this.staleByMs = this.#wasStale ? this.staleByMs : undefined;
      this.#wasStale = false;
    }
  }

  stale(byMs: number): void {
    this.staleByMs = byMs;
    this.#wasStale = true;
  }
}

/** The state of a sealed client, as far as it concerns users. */
export interface ReportedState {
  readonly status: ServerStatus;
  /** Nothing arrived in the session for long. */
  readonly isStalled: boolean;
  /** Wanted peers, by base64 key, that are not on the server's list. */
  readonly notKept: readonly string[];
}

/**
 * Raises and clears the problems that follow from the state.
 * @param isSendFailing nothing can be sent: then silence says nothing about the server
 */
export function reportStatus(
  problems: Problems,
  server: ServerName,
  state: ReportedState,
  isSendFailing = false,
): void {
  const { server: silence, ...others } = describe(server, state);
  const texts = isSendFailing ? others : { server: silence, ...others };
  for (const topic of Object.keys(texts) as (keyof typeof others)[]) {
    problems.report(topic, texts[topic]);
  }
}

function describe({ host, port }: ServerName, { status, isStalled, notKept }: ReportedState) {
  const isSilent = status.unanswered > ATTEMPTS_PER_TURN || isStalled;
  return {
    server: isSilent
      ? `no answer from ${host} (port ${port}): is the server running with --key, and its UDP port open? ` +
        'A server that runs without --key, or with --sealed-only and another key, does not answer either; still trying'
      : undefined,
    'server-key': status.hasWrongKey
      ? `${host} (port ${port}) has another key than the one given by --server-key: compare with what the server prints when it starts (wg-rendezvous pubkey)`
      : undefined,
    registration: refusalText(host, status),
    clock: clockText(status),
    'want-list':
      notKept.length > 0
        ? `${host} has no room for more wanted peers of this host: ${notKept.length} of them stay unknown (${shortKeys(notKept)}); raise --max-wanted of the server`
        : undefined,
  } satisfies Partial<Record<Topic, string | undefined>>;
}

function refusalText(host: string, { refusal }: ServerStatus): string | undefined {
  switch (refusal) {
    case 'not-allowed':
      return `${host} does not let this host register: add its public key to the server's --allow list; still trying`;
    case 'full':
      return `${host} is full, or has as many clients from this network as it takes (--max-peers, --source-share of the server); still trying`;
    case undefined:
      return undefined;
  }
}

function clockText({ staleByMs, clockAheadMs }: ServerStatus): string | undefined {
  if (staleByMs !== undefined) {
    return (
      `the server knows a time from this host's key that is ${duration(staleByMs)} ahead of this host's clock: ` +
      'the clock went back, or another host uses the same key (each host needs its own); continuing'
    );
  }
  if (clockAheadMs !== undefined) {
    const how = clockAheadMs > 0 ? 'ahead of' : 'behind';
    return `this host's clock is ${duration(Math.abs(clockAheadMs))} ${how} the server's: one of them is wrong, check both (timedatectl); continuing`;
  }
  return undefined;
}

function duration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / MS_PER_SECOND));
  if (seconds < 120) {
    return `${seconds} s`;
  }
  const hours = seconds / 3600;
  return hours < 2 ? `${Math.round(seconds / 60)} min` : `${Math.round(hours)} h`;
}

function shortKeys(keys: readonly string[]): string {
  const shown = keys.slice(0, SHOWN_PEERS).map((key) => key.slice(0, 8));
  return [...shown, ...(keys.length > SHOWN_PEERS ? ['...'] : [])].join(', ');
}
