import type { Logger } from 'pino';
import type { ClientEvent } from '../client/client.js';
import type { PeerView } from '../client/peer-track.js';
import { formatEndpoint } from '../wire/endpoint.js';
import { formatPublicKey } from '../wire/key.js';
import { LineThrottle } from './line-throttle.js';
import { answerText, endpointText, handshakeText, lackText, offersText } from './peer-text.js';

/**
 * Logs each change of a peer's state, endpoint or answer, and each problem. Lines about one peer or one
 * problem are throttled; the latest of them is logged in the end.
 * @param now milliseconds of a clock that does not go back
 */
export function peerLog(
  logger: Logger,
  now: () => number = () => performance.now(),
): (event: ClientEvent) => void {
  const throttle = new LineThrottle(now);
  let before = new Map<string, string>();
  return (event) => {
    switch (event.type) {
      case 'problem':
        throttle.line(event.topic, (leftOut) =>
          logger.warn({ topic: event.topic }, event.text + leftOutText(leftOut)),
        );
        break;
      case 'solved':
        throttle.line(event.topic, (leftOut) =>
          logger.info({ topic: event.topic }, SOLVED[event.topic] + leftOutText(leftOut)),
        );
        break;
      case 'changed':
        throttle.line(`endpoint ${formatPublicKey(event.peer.publicKey)}`, (leftOut) =>
          logChange(logger, event, leftOut),
        );
        break;
      case 'peers':
        before = logPeers(logger, throttle, event.peers, before);
        throttle.flush();
        break;
    }
  };
}

function leftOutText(leftOut: number): string {
  return leftOut === 0 ? '' : ` (${leftOut} earlier lines about this left out)`;
}

const SOLVED = {
  interface: 'the interface can be used again',
  peer: 'the peers are there now',
  probes: 'probes can be sent again',
  endpoint: 'the endpoints of all peers can be used',
  route: "the server's address is outside the tunnel",
  server: 'the server answers again',
  name: 'the server name resolves again',
  socket: 'the socket is open again',
  'socket-namespace': "WireGuard's UDP socket is within reach",
  send: 'requests can be sent again',
  change: 'peers can be changed again',
  'private-key': 'the private key can be read again',
  'server-key': 'the server has the expected key',
  registration: 'the server lets this host register again',
  clock: 'the clock is as it should be again',
  'want-list': 'the server has room for all wanted peers',
} as const;

function logChange(
  logger: Logger,
  { peer }: ClientEvent & { type: 'changed' },
  leftOut: number,
): void {
  const key = formatPublicKey(peer.publicKey);
  const name = key.slice(0, 8);
  if (peer.remove) {
    logger.warn({ peer: key }, `peer ${name}: was removed meanwhile, removed again`);
    return;
  }
  const endpoint = peer.endpoint && formatEndpoint(peer.endpoint);
  const how = peer.replace ? ', peer replaced so that WireGuard sends at once' : '';
  const what =
    endpoint === undefined
      ? `keepalive ${peer.persistentKeepalive} s`
      : `endpoint set to ${endpoint}${how}`;
  logger.info({ peer: key, endpoint }, `peer ${name}: ${what}${leftOutText(leftOut)}`);
}

function logPeers(
  logger: Logger,
  throttle: LineThrottle,
  peers: readonly PeerView[],
  before: ReadonlyMap<string, string>,
): Map<string, string> {
  const now = new Map(peers.map((peer) => [formatPublicKey(peer.publicKey), summary(peer)]));
  for (const peer of peers) {
    const key = formatPublicKey(peer.publicKey);
    if (before.get(key) !== now.get(key)) {
      throttle.line(key, (leftOut) =>
        logger.info(fields(key, peer), line(peer) + leftOutText(leftOut)),
      );
    }
  }
  for (const key of [...before.keys()].filter((known) => !now.has(known))) {
    throttle.line(key, (leftOut) =>
      logger.info(
        { peer: key, state: 'gone' },
        `peer ${key.slice(0, 8)}: no longer managed${leftOutText(leftOut)}`,
      ),
    );
  }
  return now;
}

function summary(peer: PeerView): string {
  const { state } = peer;
  return [state, endpointText(peer), answerText(peer), offersText(peer), lackText(peer)].join(' ');
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
