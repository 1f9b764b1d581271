import type { Problems, Topic } from '../problems.js';
import type { ServerName } from '../server-locator.js';
import { ATTEMPTS_PER_TURN } from '../timing.js';
import type { Trouble } from './trouble.js';

const MS_PER_SECOND = 1000;
const SHOWN_NAMES = 3;

/** What of a conversation people may have to know. */
export interface Standing {
  readonly trouble: Trouble;
  /** Nothing was heard in the session for long. */
  readonly isStalled: boolean;
  /** Peers, by key in base64, for which the server keeps no wish. */
  readonly notKept: readonly string[];
}

/** Raises and clears the problems that the server's answers, or their absence, amount to. */
export function tellStanding(problems: Problems, server: ServerName, standing: Standing): void {
  const texts = describe(server, standing);
  for (const topic of Object.keys(texts) as (keyof typeof texts)[]) {
    const text = texts[topic];
    if (text === undefined) {
      problems.clear(topic);
    } else {
      problems.raise(topic, text);
    }
  }
}

function describe({ host, port }: ServerName, { trouble, isStalled, notKept }: Standing) {
  const isSilent = trouble.unanswered > ATTEMPTS_PER_TURN || isStalled;
  return {
    server: isSilent
      ? `no answer from ${host} (port ${port}): is the server running with --key, and its UDP port open? ` +
        'one that speaks only the classic protocol, or runs --sealed-only with another key, is silent too; still asking'
      : undefined,
    'server-key': trouble.hasWrongKey
      ? `${host} (port ${port}) has another key than the one given by --server-key: compare with what the server prints when it starts (wg-rendezvous pubkey)`
      : undefined,
    registration: refusalText(host, trouble),
    clock: clockText(trouble),
    wishes:
      notKept.length > 0
        ? `${host} keeps no more wishes of this host: ${notKept.length} of its peers stay unknown (${names(notKept)}); see --max-wanted of the server`
        : undefined,
  } satisfies Partial<Record<Topic, string | undefined>>;
}

function refusalText(host: string, { refusal }: Trouble): string | undefined {
  switch (refusal) {
    case 'not-allowed':
      return `${host} does not let this host register: its public key has to be added to the server's --allow list; still asking`;
    case 'full':
      return `${host} is full, or has as many clients from this network as it takes (--max-peers, --source-share of the server); still asking`;
    case undefined:
      return undefined;
  }
}

function clockText({ staleByMs, clockAheadMs }: Trouble): string | undefined {
  if (staleByMs !== undefined) {
    return (
      `the server has heard from this host's key at a time ${duration(staleByMs)} ahead of this host's clock: ` +
      'the clock went back, or another host uses the same key (each host needs its own); going on'
    );
  }
  if (clockAheadMs !== undefined) {
    const how = clockAheadMs > 0 ? 'ahead of' : 'behind';
    return `this host's clock is ${duration(Math.abs(clockAheadMs))} ${how} the server's: one of them is wrong, check both (timedatectl); going on`;
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

function names(keys: readonly string[]): string {
  const shown = keys.slice(0, SHOWN_NAMES).map((key) => key.slice(0, 8));
  return [...shown, ...(keys.length > SHOWN_NAMES ? ['...'] : [])].join(', ');
}
