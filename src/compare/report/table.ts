import type { Comparison } from '../results.js';
import { notes, passages, quickNote, setting } from './prose.js';
import { type Cell, type Section, sections } from './sections.js';

/** A comparison as text for a terminal or a file. */
export function formatComparison(comparison: Comparison): string {
  const numbers = notes(comparison);
  const names = comparison.approaches.map(({ name }) => name);
  const blocks = [
    [setting(comparison), ...quickNote(comparison)],
    ...sections(comparison).map((section) => table(section, names, numbers)),
    [...numbers].map(([reason, number]) => `[${number}] ${reason}`),
    ...passages(comparison).map(({ title, entries }) => [
      title,
      ...entries.flatMap(({ name, lines }) => lines.map((line) => `  ${name.padEnd(10)}${line}`)),
    ]),
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

function table(
  { title, rows }: Section,
  names: readonly string[],
  numbers: ReadonlyMap<string, number>,
): string[] {
  const lines = [
    ['', ...names],
    ...rows.map(({ label, cells }) => [`  ${label}`, ...cells.map((cell) => text(cell, numbers))]),
  ];
  const widths = ['', ...names].map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return [title, ...lines.map((line) => aligned(line, widths))];
}

/** Labels to the left, values to the right. */
function aligned([label = '', ...values]: readonly string[], widths: readonly number[]): string {
  const [first = 0, ...rest] = widths;
  const cells = values.map((value, column) => value.padStart(rest[column] ?? 0));
  return [label.padEnd(first), ...cells].join('  ').trimEnd();
}

function text({ text, problem }: Cell, numbers: ReadonlyMap<string, number>): string {
  return problem === undefined ? text : `${text} [${numbers.get(problem)}]`;
}
