import { type Comparison, failed } from '../results.js';
import { roundTrip } from './labels.js';
import { sections } from './sections.js';

/** A part of the report with lines of text for each approach. */
export interface Passage {
  readonly title: string;
  readonly entries: readonly { readonly name: string; readonly lines: readonly string[] }[];
}

/** The parts of a comparison that are text. */
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
      title: 'Configuration of the server',
      entries: approaches.map(({ name, needs }) => ({ name, lines: [needs.server] })),
    },
    {
      title: 'Configuration of each peer',
      entries: approaches.map(({ name, needs }) => ({ name, lines: [needs.client] })),
    },
    {
      title: 'Operations that need root',
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

/** The reasons why approaches or values are missing, each once, with its number in the tables. */
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

/** A warning for the head of the report if the run was quick. */
export function quickNote({ plan }: Comparison): string[] {
  const rounds = plan.rounds === 1 ? 'one round' : `${plan.rounds} rounds`;
  return plan.quick
    ? [`Quick run (${rounds}, short time limits): it shows what works; the figures are rough.`]
    : [];
}

/** The place and time of the measurement, in one line. */
export function setting(comparison: Comparison): string {
  const { version, startedAt, seconds, machine } = comparison;
  const { cores, processor, kernel, node, wireguard } = machine;
  const date = startedAt.slice(0, 10);
  const where = `${cores} cores of ${processor}, Linux ${kernel}, Node ${node}, ${wireguard}`;
  return `wg-rendezvous ${version}, ${date}, ${seconds} s; ${roundTrip(comparison)}; ${where}`;
}
