import type { Logger } from 'pino';
import type { ClientEvent } from '../client/client.js';
import type { PeerView } from '../client/peer-track.js';
import { formatEndpoint } from '../wire/endpoint.js';
import { formatPublicKey } from '../wire/key.js';
import { answerText, endpointText, handshakeText, lackText, offersText } from './peer-text.js';

/** Logs a line for each change: of a peer's state, endpoint or answer, and of what goes wrong. */
export function peerLog(logger: Logger): (event: ClientEvent) => void {
  let before = new Map<string, string>();
  return (event) => {
    switch (event.type) {
      case 'problem':
        logger.warn({ topic: event.topic }, event.text);
        break;
      case 'solved':
        logger.info({ topic: event.topic }, `${SOLVED[event.topic]}`);
        break;
      case 'changed':
        logChange(logger, event);
        break;
      case 'peers':
        before = logPeers(logger, event.peers, before);
        break;
    }
  };
}

const SOLVED = {
  interface: 'the interface can be used again',
  peer: 'the peers are there now',
  openers: 'openers can be sent again',
  server: 'the server answers again',
  name: 'the server name resolves again',
  socket: 'the socket is open again',
  send: 'requests can be sent again',
  change: 'peers can be changed again',
  'private-key': 'the private key can be read again',
  'server-key': 'the server has the expected key',
  registration: 'the server lets this host register again',
  clock: 'the clock is as it should be again',
  'want-list': 'the server has room for all wanted peers',
} as const;

function logChange(logger: Logger, { peer }: ClientEvent & { type: 'changed' }): void {
  const key = formatPublicKey(peer.publicKey);
  const name = key.slice(0, 8);
  if (peer.remove) {
    logger.warn({ peer: key }, `peer ${name}: was removed meanwhile, removed again`);
    return;
  }
  const endpoint = peer.endpoint && formatEndpoint(peer.endpoint);
  const what = endpoint === undefined ? 'endpoint confirmed' : `endpoint set to ${endpoint}`;
  logger.info({ peer: key, endpoint }, `peer ${name}: ${what}`);
}

function logPeers(
  logger: Logger,
  peers: readonly PeerView[],
  before: ReadonlyMap<string, string>,
): Map<string, string> {
  const now = new Map(peers.map((peer) => [formatPublicKey(peer.publicKey), summary(peer)]));
  for (const peer of peers) {
    const key = formatPublicKey(peer.publicKey);
    if (before.get(key) !== now.get(key)) {
      logger.info(fields(key, peer), line(peer));
    }
  }
  for (const key of [...before.keys()].filter((known) => !now.has(known))) {
    logger.info({ peer: key, state: 'gone' }, `peer ${key.slice(0, 8)}: no longer managed`);
  }
  return now;
}

function summary(peer: PeerView): string {
  return [peer.state, endpointText(peer), answerText(peer), offersText(peer)].join(' ');
}

function line(peer: PeerView): string {
  const detail =
    peer.state === 'connected'
      ? `endpoint ${endpointText(peer)}, handshake ${handshakeText(peer)}`
      : lackText(peer);
  const offers = peer.offers.length === 0 ? '' : `, local addresses ${offersText(peer)}`;
  return `peer ${peer.name}: ${peer.state}, ${detail}${offers}`;
}

function fields(key: string, peer: PeerView): Record<string, unknown> {
  return {
    peer: key,
    state: peer.state,
    endpoint: peer.endpoint && formatEndpoint(peer.endpoint),
    answer: peer.answer === undefined ? undefined : answerText(peer),
    offers: peer.offers.length === 0 ? undefined : peer.offers.map(formatEndpoint),
    handshakeAgeMs: peer.handshakeAgeMs && Math.round(peer.handshakeAgeMs),
  };
}
