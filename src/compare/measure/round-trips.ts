import type { CapturedPacket } from '../../lab/index.js';

type Direction = 'request' | 'answer';
type Event = 'leaves' | 'arrives';

/** Keeps the two events of a packet apart if there is no distance. */
const SHORTEST_MS = 0.001;

/**
 * The number of consecutive round trips in an exchange with a server: the longest chain of requests of
 * which each was sent after the answer to the one before. `packets` were captured halfway; each left
 * `halfWayMs` before and arrived as much later.
 */
export function roundTrips(
  packets: readonly CapturedPacket[],
  server: string,
  halfWayMs: number,
): number {
  const halfWay = Math.max(halfWayMs, SHORTEST_MS);
  const events = packets.flatMap((packet) => {
    const direction: Direction = packet.destination.address === server ? 'request' : 'answer';
    return (['leaves', 'arrives'] as const).map((event) => ({
      packet,
      direction,
      event,
      timeMs: packet.timeMs + (event === 'leaves' ? -halfWay : halfWay),
    }));
  });
  events.sort((a, b) => a.timeMs - b.timeMs || order(a) - order(b));
  // A request is one deeper than the deepest answer before it; an answer is as deep as the deepest
  // request that has reached the server.
  const reached = { client: 0, server: 0 };
  const depths = new Map<CapturedPacket, number>();
  for (const { packet, direction, event } of events) {
    if (event === 'leaves') {
      depths.set(packet, direction === 'request' ? reached.client + 1 : reached.server);
    } else {
      const end = direction === 'request' ? 'server' : 'client';
      reached[end] = Math.max(reached[end], depths.get(packet) ?? 0);
    }
  }
  return reached.client;
}

/** Of events at one time, a packet arrives before the one that it causes leaves. */
function order({ event }: { readonly event: Event }): number {
  return event === 'arrives' ? 0 : 1;
}
