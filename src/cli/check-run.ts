import { type CheckedServer, collectFacts } from '../check/collect.js';
import type { Finding, Mark } from '../check/finding.js';
import { judge } from '../check/judge.js';
import { EXIT } from './exit-code.js';
import { hasColour, type Sheet, type Style, styledLine } from './styled-line.js';
import { printable, wrap } from './text-width.js';
import { version } from './version.js';

/** The number of the format; `docs/check.schema.json` describes it. */
const CHECK_FORMAT = 1;

const STYLES: Readonly<Record<Mark, Style>> = {
  ok: 'green',
  note: 'faint',
  problem: 'red',
  unknown: 'yellow',
};
const SIGNS: Readonly<Record<Mark, string>> = { ok: '✓', note: '·', problem: '✗', unknown: '?' };
const ASCII_SIGNS: Readonly<Record<Mark, string>> = {
  ok: '+',
  note: '-',
  problem: '!',
  unknown: '?',
};

/** Checks an interface and prints what was found. Returns the exit code. */
export async function runCheck(
  interfaceName: string,
  servers: readonly CheckedServer[],
  { json }: { readonly json?: true },
): Promise<number> {
  const begun = performance.now();
  const findings = judge(await collectFacts(interfaceName, servers));
  const exitCode = exitCodeOf(findings);
  if (json) {
    const result = {
      format: CHECK_FORMAT,
      version: version(),
      time: new Date().toISOString(),
      interface: interfaceName,
      seconds: Math.round(performance.now() - begun) / 1000,
      result: RESULTS[exitCode],
      findings,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else {
    const { stdout } = process;
    const sheet = {
      columns: stdout.isTTY ? stdout.columns || 80 : Number.POSITIVE_INFINITY,
      colour: hasColour(stdout),
    };
    stdout.write(`${checkLines(findings, sheet, usesUtf8()).join('\n')}\n`);
  }
  return exitCode;
}

const RESULTS: Readonly<Record<number, string>> = {
  [EXIT.ok]: 'well',
  [EXIT.failed]: 'to-do',
  [EXIT.timeout]: 'not-in-time',
};

/** 1 if there is something to do, 3 if something could not be found out in time. */
export function exitCodeOf(findings: readonly Finding[]): number {
  const has = (mark: Mark) => findings.some((finding) => finding.mark === mark);
  if (has('problem')) {
    return EXIT.failed;
  }
  return has('unknown') ? EXIT.timeout : EXIT.ok;
}

/** A line for each finding, wrapped if it does not fit, and one for the advice. */
export function checkLines(findings: readonly Finding[], sheet: Sheet, utf8: boolean): string[] {
  const signs = utf8 ? SIGNS : ASCII_SIGNS;
  const count = findings.filter(({ mark }) => mark === 'problem').length;
  const end = count === 0 ? 'nothing to do' : `${count} ${count === 1 ? 'thing' : 'things'} to do`;
  return [
    ...findings.flatMap(({ item, mark, seen, advice }) => [
      ...hanging(`${item}: ${seen}`, 2, sheet).map((text, i) =>
        styledLine([i === 0 ? [STYLES[mark], signs[mark]] : ' ', ` ${text}`], sheet),
      ),
      ...(advice === undefined
        ? []
        : hanging(advice, 5, sheet).map((text, i) =>
            styledLine([i === 0 ? `  ${utf8 ? '→' : '>'}  ` : '     ', ['bold', text]], sheet),
          )),
    ]),
    end,
  ];
}

function hanging(text: string, indent: number, { columns }: Sheet): string[] {
  return wrap(printable(text), Math.max(columns - indent, 1));
}

/** Whether the locale is one of UTF-8, as setlocale(3) chooses it. */
function usesUtf8(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}
