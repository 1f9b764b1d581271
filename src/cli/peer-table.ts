import { createLogUpdate } from 'log-update';
import type { ClientEvent } from '../client/client.js';
import type { PeerView } from '../client/peer-track.js';
import type { Topic } from '../client/problems.js';
import { answerText, endpointText, handshakeText, offersText } from './peer-text.js';
import { sized } from './sized-stream.js';

const REDRAW_MS = 200;
const TITLES = ['peer', 'endpoint', 'state', 'handshake', 'last answer', 'local addresses'];
const OFFERS_COLUMN = TITLES.length - 1;

/** A table of peers that is drawn over itself on a terminal, with the open problems below it. */
export class PeerTable {
  readonly #draw;
  readonly #title: string;
  readonly #stream: NodeJS.WriteStream;
  readonly #problems = new Map<Topic, string>();
  #peers: readonly PeerView[] = [];
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(title: string, stream: NodeJS.WriteStream) {
    this.#title = title;
    this.#stream = stream;
    this.#draw = createLogUpdate(sized(stream));
  }

  observe(event: ClientEvent): void {
    switch (event.type) {
      case 'problem':
        this.#problems.set(event.topic, event.text);
        break;
      case 'solved':
        this.#problems.delete(event.topic);
        break;
      case 'changed':
      case 'nat':
      case 'fact':
        return;
      case 'peers':
        this.#peers = event.peers;
        break;
    }
    if (performance.now() - this.#drawnAt >= REDRAW_MS) {
      this.#drawNow();
    }
  }

  /** Prints a line above the table. */
  print(line: string): void {
    this.#draw.clear();
    this.#stream.write(`${line}\n`);
    this.#drawNow();
  }

  /** Draws once more and leaves the table where it is. */
  end(): void {
    this.#drawNow();
    this.#draw.done();
  }

  #drawNow(): void {
    this.#drawnAt = performance.now();
    this.#draw(
      [this.#title, ...formatTable(this.#peers), ...[...this.#problems.values()]].join('\n'),
    );
  }
}

/** The lines of the table: titles, then a row for each peer; local addresses only where any were offered. */
export function formatTable(peers: readonly PeerView[]): string[] {
  const columns = peers.some(({ offers }) => offers.length > 0) ? TITLES.length : OFFERS_COLUMN;
  const titles = TITLES.slice(0, columns);
  const rows = [
    titles,
    ...peers.map((peer) => [
      peer.name,
      endpointText(peer),
      peer.state,
      handshakeText(peer),
      answerText(peer),
      offersText(peer),
    ]),
  ];
  const widths = titles.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .slice(0, columns)
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
