import { textWidth } from './text-width.js';

/** ECMA-48 and xterm: up and to the first column, erase to the end of line and of screen, wrapping. */
const UP = (lines: number) => (lines > 0 ? `\x1b[${lines}A\r` : '\r');
const ERASE_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';
const NO_WRAP = '\x1b[?7l';
const WRAP = '\x1b[?7h';
/** Escape sequences that take no columns. */
const SGR = /\p{Cc}\[[\d;]*m/gu;

/** What is drawn on: a terminal. */
export interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

const USUAL_COLUMNS = 80;
const USUAL_ROWS = 24;

/**
 * Lines at the bottom of a terminal that are drawn over themselves. After a change of the window's size the
 * old lines are erased as the terminal shows them then, broken where they no longer fit, and drawn anew.
 */
export class Screen {
  readonly #terminal: Terminal;
  readonly #compose: (columns: number, rows: number) => readonly string[];
  readonly #resized = () => this.draw();
  #drawn: readonly string[] = [];

  /** @param compose makes the lines for a size: no wider than `columns`, and at most `rows` of them */
  constructor(terminal: Terminal, compose: (columns: number, rows: number) => readonly string[]) {
    this.#terminal = terminal;
    this.#compose = compose;
    terminal.on('resize', this.#resized);
  }

  /** Draws the lines as they are now. */
  draw(): void {
    const { columns, rows } = this.#size;
    // The cursor stands in the line below.
    const lines = this.#compose(columns, rows - 1);
    // Erased first: behind a line as wide as the terminal, its last column would be erased.
    const body = lines.map((line) => `${ERASE_LINE}${line}\n`).join('');
    this.#terminal.write(`${NO_WRAP}${UP(this.#height(columns))}${body}${ERASE_BELOW}${WRAP}`);
    this.#drawn = lines;
  }

  /** Writes a line above the others. */
  print(line: string): void {
    this.#terminal.write(`${UP(this.#height(this.#size.columns))}${ERASE_BELOW}${line}\n`);
    this.#drawn = [];
    this.draw();
  }

  /** Draws once more, and leaves the lines on the screen. */
  end(): void {
    this.draw();
    this.#terminal.off('resize', this.#resized);
    this.#drawn = [];
  }

  /** Erases the lines. */
  clear(): void {
    this.#terminal.write(`${UP(this.#height(this.#size.columns))}${ERASE_BELOW}`);
    this.#terminal.off('resize', this.#resized);
    this.#drawn = [];
  }

  /** The size, or a usual one if the terminal does not report it. */
  get #size(): { columns: number; rows: number } {
    return {
      columns: this.#terminal.columns || USUAL_COLUMNS,
      rows: Math.max(this.#terminal.rows || USUAL_ROWS, 2),
    };
  }

  /** The rows that the lines drawn last take now. */
  #height(columns: number): number {
    const widths = this.#drawn.map((line) => textWidth(line.replace(SGR, '')));
    return widths.reduce((rows, width) => rows + Math.max(1, Math.ceil(width / columns)), 0);
  }
}
