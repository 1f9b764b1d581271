import type { ServiceCounts } from '../server/counts.js';

/** What a server has done so far, in one line for people. */
export function countsLine({ classic, table, sockets }: ServiceCounts): string {
  const counts = {
    registrations: classic.registrations,
    refreshes: classic.refreshes,
    moves: classic.moves,
    hits: classic.hits,
    misses: classic.misses,
    malformed: classic.malformed,
    refused: classic.refused,
    limited: classic.limited,
    peers: table.peers,
    expired: table.expired,
    'not sent': sockets.sendDrops,
    'dropped by the kernel': sockets.kernelDrops,
  };
  const parts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return `counts: ${parts.join(', ')}`;
}
