import type { Comparison } from '../results.js';
import { charts } from './charts.js';
import { notes, type Passage, passages, quickNote, setting } from './prose.js';
import { type Cell, type Section, sections } from './sections.js';
import { STYLE } from './style.js';
import { chartSvg, THEME_STYLE } from './svg.js';

/** A comparison as one self-contained page: style and drawings are inline, and it has no script. */
export function htmlReport(comparison: Comparison): string {
  const numbers = notes(comparison);
  const names = comparison.approaches.map(({ name }) => name);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>How WireGuard peers find each other</title>
<style>${STYLE}${THEME_STYLE}</style>
</head>
<body>
<main style="--columns:${names.length}">
<header>
<h1>How WireGuard peers find each other</h1>
<p class="faint">${escaped(setting(comparison))}</p>
${quickNote(comparison)
  .map((note) => `<p class="warning" role="note">${escaped(note)}</p>`)
  .join('')}
</header>
<dl class="approaches">${comparison.approaches
    .map(({ name, summary }) => `<dt>${name}</dt><dd>${escaped(summary)}</dd>`)
    .join('\n')}</dl>
<div class="charts">${charts(comparison).map(figure).join('\n')}</div>
${sections(comparison)
  .map((section) => table(section, names, numbers))
  .join('\n')}
${footnotes(numbers)}
${passages(comparison).map(passage).join('\n')}
</main>
</body>
</html>
`;
}

function figure(chart: Parameters<typeof chartSvg>[0]): string {
  return `<figure>${chartSvg(chart)}</figure>`;
}

function table(
  { title, rows }: Section,
  names: readonly string[],
  numbers: ReadonlyMap<string, number>,
): string {
  const head = names.map((name) => `<th scope="col">${name}</th>`).join('');
  const body = rows.map(
    ({ label, cells }) =>
      `<tr><th scope="row">${escaped(label)}</th>${cells.map((cell) => data(cell, numbers)).join('')}</tr>`,
  );
  return `<section>
<h2>${escaped(title)}</h2>
<table>
<thead><tr><td></td>${head}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table>
</section>`;
}

function data({ text, problem }: Cell, numbers: ReadonlyMap<string, number>): string {
  const number = problem === undefined ? undefined : numbers.get(problem);
  const mark = number === undefined ? '' : `<sup><a href="#note${number}">${number}</a></sup>`;
  return `<td>${escaped(text)}${mark}</td>`;
}

function footnotes(numbers: ReadonlyMap<string, number>): string {
  const items = [...numbers].map(
    ([reason, number]) => `<li id="note${number}">${escaped(reason)}</li>`,
  );
  return items.length === 0 ? '' : `<ol class="faint">${items.join('\n')}</ol>`;
}

function passage({ title, entries }: Passage): string {
  const items = entries.map(
    ({ name, lines }) =>
      `<dt>${name}</dt>${lines.map((line) => `<dd>${escaped(line)}</dd>`).join('')}`,
  );
  return `<section><h2>${escaped(title)}</h2><dl>${items.join('\n')}</dl></section>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] as string);
}
