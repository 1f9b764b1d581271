import { cut, textWidth } from './text-width.js';

/** Select Graphic Rendition of ECMA-48. */
const STYLES = { bold: 1, faint: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

export type Style = keyof typeof STYLES;

/** A piece of a line. */
export type Span = string | readonly [style: Style, text: string];

/** Where lines are shown. */
export interface Sheet {
  /** Infinity for a file: nothing is cut or broken there. */
  readonly columns: number;
  readonly colour: boolean;
}

/** One line, cut where the sheet ends. */
export function styledLine(spans: readonly Span[], { columns, colour }: Sheet): string {
  let [line, left] = ['', columns];
  for (const span of spans) {
    const [style, whole] = typeof span === 'string' ? [undefined, span] : span;
    const text = cut(whole, left);
    left -= textWidth(text);
    line += style !== undefined && colour && text !== '' ? sgr(style, text) : text;
    if (text !== whole) {
      break;
    }
  }
  return line;
}

/** Whether a stream is to have colours: a terminal, unless NO_COLOR is set (no-color.org). */
export function hasColour(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
}

function sgr(style: Style, text: string): string {
  return `\x1b[${STYLES[style]}m${text}\x1b[0m`;
}
