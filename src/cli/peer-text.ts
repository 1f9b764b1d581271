import type { PeerView } from '../client/peer-track.js';
import { formatEndpoint } from '../wire/endpoint.js';

/** A peer that is unknown for this long may use the other protocol, whose clients the server keeps apart. */
const LONG_UNKNOWN_MS = 30_000;

/** A peer's endpoint, or a dash. */
export function endpointText({ endpoint }: PeerView): string {
  return endpoint === undefined ? '-' : formatEndpoint(endpoint);
}

/** The server's latest answer about a peer, or a dash. */
export function answerText({ answer }: PeerView): string {
  if (answer === undefined) {
    return '-';
  }
  return answer === 'unknown' ? answer : answer.map(formatEndpoint).join(', ');
}

/** The addresses that a peer says it has itself, or a dash. */
export function offersText({ offers }: PeerView): string {
  return offers.length === 0 ? '-' : offers.map(formatEndpoint).join(', ');
}

/** The age of a peer's last handshake, or `never`. */
export function handshakeText({ handshakeAgeMs }: PeerView): string {
  return handshakeAgeMs === undefined ? 'never' : `${Math.round(handshakeAgeMs / 1000)} s ago`;
}

/** Why a peer has no direct path, as far as that is known, and what may help. */
function relayText({ sharedNat }: PeerView): string | undefined {
  return sharedNat === undefined
    ? undefined
    : `both hosts are behind the same NAT (${sharedNat}), which does not hairpin, and do not reach each other's local addresses: behind a carrier's NAT they need a relay (server --relay), a port that the carrier maps, or IPv6`;
}

/** Why a peer is not connected, or not directly; undefined where there is nothing to say. */
export function reasonText(peer: PeerView): string | undefined {
  return peer.state === 'connected' ? relayText(peer) : lackText(peer);
}

/** Why a peer has no fresh handshake, and what may help. */
export function lackText(peer: PeerView): string {
  switch (peer.state) {
    case 'connected':
      return 'connected';
    case 'asking':
      return 'the server has not answered yet';
    case 'unknown':
      return (peer.unknownForMs ?? 0) < LONG_UNKNOWN_MS
        ? 'the server does not know it: is its client running, with the same server?'
        : 'the server does not know it: does its client use the same server, the same protocol and server key (--server-key on both sides, or on neither), and want this host?';
    case 'connecting':
      return (
        relayText(peer) ??
        `no handshake with ${answerText(peer)} yet: a NAT or firewall between may block it`
      );
  }
}
