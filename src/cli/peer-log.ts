import type { ClientEvent } from '../client/client.js';
import type { PeerView } from '../client/peer-track.js';
import type { Topic } from '../client/problems.js';
import { formatEndpoint } from '../wire/endpoint.js';
import { formatPublicKey } from '../wire/key.js';

import type { PeerConfig } from '../wireguard/device.js';
import { ChangeGate } from './change-gate.js';

import type { LineLogger } from './late-logger.js';

import { LineThrottle } from './line-throttle.js';
import {
  answerText,
  endpointText,
  handshakeText,
  lackText,
  offersText,
  reasonText,
} from './peer-text.js';

/**
 * Logs each change of a peer's state, endpoint or answer, and each problem. Lines about one peer or one
 * problem are throttled; the latest is always logged in the end. Above ten changes of peers in a second, a summary
 * replaces them, and their lines are logged at `debug`.
 * @param names what the user calls peers, by base64 key
 * @param now milliseconds of a clock that does not go back
 */
export function peerLog(
  logger: LineLogger,
  names: ReadonlyMap<string, string> = new Map(),
  now: () => number = () => performance.now(),
): (event: ClientEvent) => void {
  const throttle = new LineThrottle(now);
  const gate = new ChangeGate();
  const change: LogChange = (topic, key, fields, text, isWarning = false) =>
    throttle.line(topic, (leftOut) => {
      const level = isWarning ? 'warn' : gate.admits(now()) ? 'info' : 'debug';
      const name = names.get(key);
      const about = name === undefined ? { peer: key } : { peer: key, name };
      const said = `peer ${name ?? key.slice(0, 8)}: ${text}${leftOutText(leftOut)}`;
      logger[level]({ ...about, ...fields }, said);
    });
  let before = new Map<string, string>();
  return (event) => {
    switch (event.type) {
      case 'problem':
        throttle.line(topicOf(event), (leftOut) =>
          logger.warn({ topic: event.topic }, event.text + leftOutText(leftOut)),
        );
        break;
      case 'solved':
        throttle.line(topicOf(event), (leftOut) =>
          logger.info({ topic: event.topic }, solvedText(event) + leftOutText(leftOut)),
        );
        break;
      case 'fact':
        logger.info({}, event.text);
        break;
      case 'changed':
        logChange(change, event);
        break;
      case 'nat':
        throttle.line(`nat ${event.family}`, (leftOut) =>
          logger.info(
            { family: event.family },
            `NAT over IPv${event.family}: ${event.text}${leftOutText(leftOut)}`,
          ),
        );
        break;
      case 'peers':
        before = logPeers(change, event.peers, before);
        throttle.flush();
        logSummary(logger, gate.takeLeftOut(now()), event.peers);
        break;
    }
  };
}

function leftOutText(leftOut: number): string {
  return leftOut === 0 ? '' : ` (${leftOut} earlier lines about this left out)`;
}

/** The throttled topic: each server has its own problems. */
function topicOf({
  topic,
  server,
}: {
  readonly topic: Topic;
  readonly server?: string | undefined;
}) {
  return server === undefined ? topic : `${topic} ${server}`;
}

function solvedText({ topic, server }: ClientEvent & { type: 'solved' }): string {
  return server === undefined ? SOLVED[topic] : `${server}: ${SOLVED[topic]}`;
}

const SOLVED = {
  interface: 'the interface can be used again',
  peer: 'the peers are there now',
  probes: 'probes can be sent again',
  'hard-nat': 'ways through hard NATs can be used, or are needed no more',
  'port-mapping': 'the port that the router maps can be used',
  'switch-over': 'changes to a better path are held again',
  endpoint: 'the endpoints of all peers can be used',
  route: "the server's address is outside the tunnel",
  server: 'the server answers again',
  name: 'the server name resolves again',
  socket: 'the socket is open again',
  stun: 'the STUN servers answer',
  'socket-namespace': "WireGuard's UDP socket is within reach",
  send: 'requests can be sent again',
  change: 'peers can be changed again',
  'private-key': 'the private key can be read again',
  'server-key': 'the server has the expected key',
  registration: 'the server lets this host register again',
  observed: 'the server sees this host where its peers can use it, or they are connected',
  clock: 'the clock is as it should be again',
  'want-list': 'the server has room for all wanted peers',
  relay: 'all peers without a direct path are relayed, or need it no more',
  status: 'the status is served again',
} as const;

/** Logs a change of the peer with that base64 key. */
type LogChange = (
  topic: string,
  key: string,
  fields: object,
  text: string,
  isWarning?: boolean,
) => void;

function logChange(change: LogChange, { peer }: ClientEvent & { type: 'changed' }): void {
  const key = formatPublicKey(peer.publicKey);
  const endpoint = peer.endpoint && formatEndpoint(peer.endpoint);
  change(`endpoint ${key}`, key, { endpoint }, changeText(peer, endpoint), peer.remove);
}

function changeText(peer: PeerConfig, endpoint: string | undefined): string {
  if (peer.remove) {
    return 'was removed meanwhile, removed again';
  }
  const how = peer.replace ? ', peer replaced so that WireGuard sends at once' : '';
  return endpoint === undefined
    ? `keepalive ${peer.persistentKeepalive} s`
    : `endpoint set to ${endpoint}${how}`;
}

function logPeers(
  change: LogChange,
  peers: readonly PeerView[],
  before: ReadonlyMap<string, string>,
): Map<string, string> {
  const now = new Map(peers.map((peer) => [formatPublicKey(peer.publicKey), summary(peer)]));
  for (const peer of peers) {
    const key = formatPublicKey(peer.publicKey);
    if (before.get(key) !== now.get(key)) {
      change(key, key, fields(peer), line(peer));
    }
  }
  for (const key of [...before.keys()].filter((known) => !now.has(known))) {
    change(key, key, { state: 'gone' }, 'no longer managed');
  }
  return now;
}

/** One line for the changes that had no line. */
function logSummary(logger: LineLogger, changes: number, peers: readonly PeerView[]): void {
  if (changes === 0) {
    return;
  }
  const states = new Map<string, number>();
  for (const { state } of peers) {
    states.set(state, (states.get(state) ?? 0) + 1);
  }
  const now = [...states].map(([state, count]) => `${count} ${state}`).join(', ');
  logger.info(
    { changes, ...Object.fromEntries(states) },
    `${changes} more changes of peers: now ${now || 'none'} (each of them with --log-level debug)`,
  );
}

function summary(peer: PeerView): string {
  const parts = [peer.state, endpointText(peer), answerText(peer), offersText(peer)];
  return [...parts, reasonText(peer)].join(' ');
}

function line(peer: PeerView): string {
  const detail =
    peer.state === 'connected'
      ? `endpoint ${endpointText(peer)}, handshake ${handshakeText(peer)}`
      : lackText(peer);
  const offers = peer.offers.length === 0 ? '' : `, local addresses ${offersText(peer)}`;
  const why = peer.state === 'connected' ? reasonText(peer) : undefined;
  return `${peer.state}, ${detail}${offers}${why === undefined ? '' : `; no direct path: ${why}`}`;
}

function fields(peer: PeerView): Record<string, unknown> {
  return {
    state: peer.state,
    endpoint: peer.endpoint && formatEndpoint(peer.endpoint),
    answer: peer.answer === undefined ? undefined : answerText(peer),
    offers: peer.offers.length === 0 ? undefined : peer.offers.map(formatEndpoint),
    handshakeAgeMs: peer.handshakeAgeMs && Math.round(peer.handshakeAgeMs),
  };
}
