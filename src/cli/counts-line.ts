import type { ServiceCounts } from '../server/counts.js';
import type { SocketCounts } from '../socket/socket-counts.js';

/** A server's counts so far, in one line for people. */
export function countsLine(all: ServiceCounts): string {
  const { admission, classic, table, sockets, sealed, stun, relay } = all;
  const counts = {
    registrations: classic.registrations,
    refreshes: classic.refreshes,
    moves: classic.moves,
    hits: classic.hits,
    misses: classic.misses,
    malformed: admission.malformed + classic.malformed,
    refused: classic.refused,
    limited: admission.limited,
    peers: table.peers,
    expired: table.expired,
    ...socketCounts(sockets),
  };
  const protocols = Object.entries({ sealed, stun, relay }).map(([name, its]) =>
    its === undefined ? '' : `; ${name}: ${list(its)}`,
  );
  return `counts: ${list(counts)}${protocols.join('')}`;
}

/** How many clients a server knows, in a few words. */
export function statusLine({ table, sealed }: ServiceCounts): string {
  const clients = sealed === undefined ? '' : `, ${sealed.clients} sealed clients`;
  return `${table.peers} classic peers${clients}`;
}

/** What sockets lost, by the names shown to people. */
export function socketCounts({ sendDrops, kernelDrops, errors }: SocketCounts) {
  return { 'not sent': sendDrops, 'dropped by the kernel': kernelDrops, 'socket errors': errors };
}

/** Names of several words are written apart. */
function list(counts: object): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name.replace(/[A-Z]/g, (it) => ` ${it.toLowerCase()}`)} ${count}`)
    .join(', ');
}
