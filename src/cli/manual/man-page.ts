import type { Command } from 'commander';
import { argumentText, type Entry, entriesOf, optionsOf } from './syntax.js';

const PROGRAM = 'wg-rendezvous';
const SECTION = 8;

/** A file of the manual. */
export interface ManPage {
  /** `wg-rendezvous-client.8`. */
  readonly file: string;
  readonly text: string;
}

/** What the definitions of commands do not say, by their words. */
const NOTES: Readonly<Record<string, readonly string[]>> = {
  server: [
    'Lets peers find each other. Needs no privilege for its default port, UDP 49918. With --key it speaks the sealed protocol, in which clients prove their WireGuard key and peers have to list each other.',
  ],
  client: [
    'Keeps the peers of an interface connected: asks a server where they are, opens the NATs, sets endpoints. Only peers without a fresh handshake are touched. Needs CAP_NET_ADMIN and CAP_NET_RAW. On a terminal it shows its peers; elsewhere it logs.',
  ],
  status: [
    'Asks the client that runs on an interface, over /run/wg-rendezvous/INTERFACE.sock. The layout is that of wg(8) show. With --watch the view fits the window, with the peers in trouble first.',
  ],
  check: [
    'Prints a line for each thing that packets meet on their way to peers, with a mark, what was seen, and what to do: interface, peers, servers, routes, NAT, firewall, other clients, SaveConfig, and a verdict for each peer. It takes at most 15 seconds, runs beside a client or without one, and changes nothing.',
  ],
};

/** Files, by command. */
const FILES: Readonly<Record<string, readonly (readonly [path: string, what: string])[]>> = {
  client: [
    ['/run/wg-rendezvous/INTERFACE.sock', 'where status asks (mode 0600)'],
    ['/run/wg-rendezvous/server-*', 'the last addresses of servers'],
  ],
  status: [['/run/wg-rendezvous/INTERFACE.sock', 'of the running client']],
  check: [['/etc/wireguard/INTERFACE.conf', 'read for Endpoint and SaveConfig']],
};

const EXIT_CODES: readonly (readonly [code: string, what: string])[] = [
  ['0', 'done, or stopped'],
  ['1', 'failed; of check: there is something to do'],
  ['2', 'unusable arguments'],
  ['3', 'timed out; check: something could not be found out in time'],
];

/** The manual: a page for the program, and one for each command. Pure. */
export function manPages(program: Command, version: string): ManPage[] {
  const entries = entriesOf(program);
  return [
    overview(program, entries, version),
    ...entries.map((entry) => page(entry, entries, version)),
  ];
}

function overview(program: Command, entries: readonly Entry[], version: string): ManPage {
  const text = [
    ...head(PROGRAM, program.description(), version),
    '.SH SYNOPSIS',
    `.B ${roff(PROGRAM)}`,
    '.I COMMAND',
    '[\\fIOPTION\\fR ...]',
    '.SH DESCRIPTION',
    roff(program.description()),
    'A client beside a WireGuard interface asks a rendezvous server for its peers, from the port of WireGuard itself,',
    'so that the server sees the mapping that its packets have in the NAT.',
    '.SH COMMANDS',
    ...entries.flatMap(({ command, path }) => [
      '.TP',
      `.BR ${roff(pageName(path))} (${SECTION})`,
      roff(command.description()),
    ]),
    ...exitCodes(),
    ...seeAlso(entries.map(({ path }) => pageName(path))),
  ];
  return { file: `${PROGRAM}.${SECTION}`, text: `${text.join('\n')}\n` };
}

function page({ command, path }: Entry, entries: readonly Entry[], version: string): ManPage {
  const name = pageName(path);
  const words = path.join(' ');
  const others = [PROGRAM, ...entries.map((entry) => pageName(entry.path))];
  const text = [
    ...head(name, command.description(), version),
    '.SH SYNOPSIS',
    `.B ${roff(PROGRAM)} ${roff(words)}`,
    ...command.registeredArguments.map((argument) => `.I ${roff(argumentText(argument))}`),
    '[\\fIOPTION\\fR ...]',
    '.SH DESCRIPTION',
    roff(sentence(command.description())),
    ...(NOTES[words] ?? []).flatMap((note) => ['.PP', roff(note)]),
    ...argumentSection(command),
    '.SH OPTIONS',
    ...optionsOf(command).flatMap((option) => [
      '.TP',
      `.B ${roff(option.flags)}`,
      roff(command.createHelp().optionDescription(option)),
    ]),
    ...filesSection(FILES[words] ?? []),
    ...exitCodes(),
    ...seeAlso(others.filter((other) => other !== name)),
  ];
  return { file: `${name}.${SECTION}`, text: `${text.join('\n')}\n` };
}

function head(name: string, description: string, version: string): string[] {
  return [
    `.TH ${roff(name.toUpperCase())} ${SECTION} "" "${roff(PROGRAM)} ${roff(version)}" "System Administration"`,
    '.SH NAME',
    `${roff(name)} \\- ${roff(description.replace(/\.$/, ''))}`,
  ];
}

function argumentSection(command: Command): string[] {
  const all = command.registeredArguments;
  return all.length === 0
    ? []
    : [
        '.SH ARGUMENTS',
        ...all.flatMap((argument) => [
          '.TP',
          `.I ${roff(argumentText(argument))}`,
          roff(command.createHelp().argumentDescription(argument)),
        ]),
      ];
}

function filesSection(files: readonly (readonly [string, string])[]): string[] {
  return files.length === 0
    ? []
    : ['.SH FILES', ...files.flatMap(([path, what]) => ['.TP', `.I ${roff(path)}`, roff(what)])];
}

function exitCodes(): string[] {
  return [
    '.SH EXIT STATUS',
    ...EXIT_CODES.flatMap(([code, what]) => ['.TP', `.B ${code}`, roff(what)]),
  ];
}

function seeAlso(names: readonly string[]): string[] {
  const pages = [
    ...names.map((name) => [name, SECTION] as const),
    ['wg', 8],
    ['wg-quick', 8],
  ] as const;
  const last = pages.length - 1;
  return [
    '.SH SEE ALSO',
    ...pages.map(([name, section], i) => `.BR ${roff(name)} (${section})${i === last ? '' : ' ,'}`),
  ];
}

function pageName(path: readonly string[]): string {
  return [PROGRAM, ...path].join('-');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.?$/, '.')}`;
}

/** Text as roff takes it: nothing of it is a request or an escape, and every dash can be copied. */
function roff(text: string): string {
  return text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/^([.'])/gm, '\\&$1')
    .replace(/"/g, '\\(dq');
}
