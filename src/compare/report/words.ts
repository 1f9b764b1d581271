import { type Comparison, failed } from '../results.js';
import { sections } from './sections.js';

/** A part that says a line or more of each approach. */
export interface Passage {
  readonly title: string;
  readonly entries: readonly { readonly name: string; readonly lines: readonly string[] }[];
}

/** What a comparison says in words. */
export function passages({ approaches }: Comparison): Passage[] {
  const all: Passage[] = [
    {
      title: 'What a stranger learns',
      entries: approaches.map(({ name, stranger }) => ({
        name,
        lines: (stranger ?? []).map((found) =>
          failed(found)
            ? `not measured: ${found.problem}`
            : `${found.asked} -> ${found.answer}: ${found.endpointsDisclosed ? 'endpoints disclosed' : 'nothing'}`,
        ),
      })),
    },
    {
      title: 'What the server has to be configured with',
      entries: approaches.map(({ name, needs }) => ({ name, lines: [needs.server] })),
    },
    {
      title: 'What each peer has to be configured with',
      entries: approaches.map(({ name, needs }) => ({ name, lines: [needs.client] })),
    },
    {
      title: 'What root is needed for',
      entries: approaches.map(({ name, needs }) => ({ name, lines: [needs.root] })),
    },
  ];
  return all
    .map(({ title, entries }) => ({
      title,
      entries: entries.filter(({ lines }) => lines.length > 0),
    }))
    .filter(({ entries }) => entries.length > 0);
}

/** Why approaches or values are missing: each reason once, with the number that stands for it. */
export function notes(comparison: Comparison): Map<string, number> {
  const reasons = [
    ...comparison.approaches.flatMap(({ name, problem }) =>
      problem === undefined ? [] : [`${name} did not run: ${problem}`],
    ),
    ...sections(comparison).flatMap(({ rows }) =>
      rows.flatMap(({ cells }) => cells.flatMap(({ problem }) => problem ?? [])),
    ),
  ];
  return new Map([...new Set(reasons)].map((reason, index) => [reason, index + 1]));
}

/** Where and when it was measured, in one line. */
export function setting({ version, startedAt, seconds, machine }: Comparison): string {
  const { cores, processor, kernel, node, wireguard } = machine;
  const date = startedAt.slice(0, 10);
  const where = `${cores} cores of ${processor}, Linux ${kernel}, Node ${node}, ${wireguard}`;
  return `wg-rendezvous ${version}, ${date}, ${seconds} s; ${where}`;
}
