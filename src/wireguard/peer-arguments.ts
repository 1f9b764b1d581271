import { formatEndpoint } from '../wire/endpoint.js';
import { formatPublicKey } from '../wire/key.js';
import type { Peer, PeerConfig } from './device.js';

/** The arguments of `wg set` for one peer; `replace` is replaceArguments'. */
export function peerArguments(peer: PeerConfig): string[] {
  const name = ['peer', formatPublicKey(peer.publicKey)];
  if (peer.remove) {
    return [...name, 'remove'];
  }
  const off = peer.keepaliveNow ? [...name, 'persistent-keepalive', '0'] : [];
  return [...off, ...name, ...settings(peer)];
}

/**
 * The arguments of `wg set` that remove a peer and add it again with what it has now, except for what
 * `change` sets.
 * @param presharedKeyFile where `wg` reads the preshared key
 */
export function replaceArguments(
  change: PeerConfig,
  { endpoint, persistentKeepalive, allowedIps }: Peer,
  presharedKeyFile: string,
): string[] {
  const name = ['peer', formatPublicKey(change.publicKey)];
  const kept = {
    ...(endpoint !== undefined && { endpoint }),
    ...(persistentKeepalive > 0 && { persistentKeepalive }),
  };
  return [
    ...[...name, 'remove'],
    ...[...name, 'preshared-key', presharedKeyFile],
    ...(allowedIps.length > 0 ? ['allowed-ips', allowedIps.join(',')] : []),
    ...settings({ ...kept, ...change }),
  ];
}

function settings({ endpoint, persistentKeepalive }: Partial<PeerConfig>): string[] {
  return [
    ...(endpoint === undefined ? [] : ['endpoint', formatEndpoint(endpoint)]),
    ...(persistentKeepalive === undefined
      ? []
      : ['persistent-keepalive', String(persistentKeepalive)]),
  ];
}
