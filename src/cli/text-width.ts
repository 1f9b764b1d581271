/** Characters that take two columns of a terminal (East Asian Width of Unicode), and those that take none. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NONE = /[\p{M}\p{Cf}]/u;
const CONTROL = /[\p{Cc}\u2028\u2029]/gu;

/** The columns that a text takes on a terminal. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    width += characterWidth(character);
  }
  return width;
}

/** A text without control characters that would move the cursor. It may come from the network. */
export function printable(text: string): string {
  return text.replace(CONTROL, '?');
}

/** The beginning of a text that fits, with an ellipsis where something is cut. */
export function cut(text: string, columns: number): string {
  if (textWidth(text) <= columns) {
    return text;
  }
  let [kept, width] = ['', 0];
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns - 1) {
      break;
    }
    kept += character;
  }
  return columns < 1 ? '' : `${kept}…`;
}

/** A text, padded with blanks to a width. */
export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - textWidth(text)));
}

/** Breaks a text into lines, at blanks if it has any. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (textWidth(longer) <= columns) {
      line = longer;
      continue;
    }
    if (line !== '') {
      lines.push(line);
    }
    line = word;
    while (textWidth(line) > columns) {
      const head = firstPart(line, columns);
      lines.push(head);
      line = line.slice(head.length);
    }
  }
  return [...lines, line];
}

/** As many characters as fit, at least one. */
function firstPart(text: string, columns: number): string {
  let [head, width] = ['', 0];
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns && head !== '') {
      break;
    }
    head += character;
  }
  return head;
}

function characterWidth(character: string): number {
  if (NONE.test(character)) {
    return 0;
  }
  return WIDE.test(character) ? 2 : 1;
}
