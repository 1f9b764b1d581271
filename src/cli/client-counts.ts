import type { ClientEvent } from '../client/client.js';
import type { PeerState, PeerView } from '../client/peer-track.js';
import type { LogOptions } from './log-options.js';

const STATES: readonly PeerState[] = ['connected', 'connecting', 'unknown', 'asking'];

/** A client's counts so far, and its number of peers in each state. */
export class ClientCounts {
  #changes = 0;
  #problems = 0;

  observe({ type }: ClientEvent): void {
    if (type === 'changed') {
      this.#changes++;
    } else if (type === 'problem') {
      this.#problems++;
    }
  }

  /** One line for people, or one JSON object. */
  line(peers: readonly PeerView[], format: LogOptions['logFormat']): string {
    const states = STATES.map((state) => [
      state,
      peers.filter((peer) => peer.state === state).length,
    ]);
    const counts = {
      peers: peers.length,
      ...(Object.fromEntries(states) as Record<PeerState, number>),
      changes: this.#changes,
      problems: this.#problems,
    };
    if (format === 'json') {
      return JSON.stringify({ counts });
    }
    const parts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
    return `counts: ${parts.join(', ')}`;
  }
}
