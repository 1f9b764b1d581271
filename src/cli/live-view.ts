import type { Status } from '../client/status/status.js';
import { Screen } from './screen.js';
import { windowLines } from './status-view.js';
import { hasColour } from './styled-line.js';

const REDRAW_MS = 200;
/** Redraws for the ages even if nothing else changes. */
const TICK_MS = 1000;

/** The status of a client in the window of its terminal. */
export class LiveView {
  readonly #screen: Screen;
  readonly #tick: NodeJS.Timeout;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream, status: () => Status) {
    const colour = hasColour(stream);
    this.#screen = new Screen(stream, (columns, rows) =>
      windowLines(status(), { columns, colour }, rows),
    );
    this.#tick = setInterval(() => this.#draw(), TICK_MS).unref();
  }

  /** Something may have changed. */
  observe(): void {
    if (performance.now() - this.#drawnAt >= REDRAW_MS) {
      this.#draw();
    }
  }

  /** Prints a line above. */
  print(line: string): void {
    this.#screen.print(line);
  }

  /** Draws once more, and leaves the lines on the screen. */
  end(): void {
    clearInterval(this.#tick);
    this.#screen.end();
  }

  #draw(): void {
    this.#drawnAt = performance.now();
    this.#screen.draw();
  }
}
