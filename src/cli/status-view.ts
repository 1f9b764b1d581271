import { natText } from '../client/status/nat-facts.js';
import type { ServerView, Status, StatusPeer } from '../client/status/status.js';
import { type Sheet, type Span, type Style, styledLine } from './styled-line.js';
import { cut, pad, printable, textWidth, wrap } from './text-width.js';

/** Above so many peers, connected ones get one line each. */
const MAX_BLOCKS = 20;
const SHORT_KEY = 8;
const MAX_NAME_COLUMNS = 20;
const GAP = '  ';
/** Lines for the reason of one peer, and for one problem, in a window. */
const MAX_REASON_LINES = 2;
/** With less room than this, peers have neither titles nor reasons. */
const ROOMY = 7;
/** Server lines and problems in a window. */
const MAX_SERVERS = 3;
const MAX_PROBLEMS = 3;

/** A status as `wg show` lays out an interface: a block for the interface, each server and each peer. */
export function statusLines(status: Status, sheet: Sheet): string[] {
  const { peers, counts } = status;
  const isLong = peers.length > MAX_BLOCKS;
  const inBlocks = isLong ? peers.filter(({ state }) => state !== 'connected') : peers;
  const inRows = isLong ? peers.filter(({ state }) => state === 'connected') : [];
  const now = Date.parse(status.time);
  const blocks = [
    interfaceBlock(status, sheet),
    ...status.servers.map((server) => serverBlock(server, sheet)),
    ...inBlocks.map((peer) => peerBlock(peer, now, sheet)),
    peerRows(inRows, now, sheet),
    [
      ...status.problems.flatMap(({ text }) => paragraph('problem', 'red', text, sheet)),
      ...(counts.peers > peers.length
        ? [styledLine([`+ ${counts.peers - peers.length} more peers`], sheet)]
        : []),
    ],
  ];
  return blocks
    .filter((block) => block.length > 0)
    .flatMap((block, i) => (i === 0 ? block : ['', ...block]));
}

/**
 * A status that fits a window: what is wrong first, and the number of those left out.
 * @param rows lines that there is room for
 */
export function windowLines(status: Status, sheet: Sheet, rows: number): string[] {
  const head = [
    titleLine(status, sheet),
    ...serverLines(status, sheet),
    summaryLine(status, sheet),
  ];
  const problems = problemLines(status, sheet).slice(0, Math.floor((rows - head.length) / 2));
  const room = rows - head.length - problems.length;
  const peers = peerLines(status, sheet, room);
  return [...head, ...peers, ...problems].slice(0, rows);
}

function titleLine(status: Status, sheet: Sheet): string {
  const { interface: name, mapping, nat } = status;
  const outside = [mapping?.ipv4, mapping?.ipv6].filter(Boolean).join(', ');
  return styledLine(
    [
      ['green', name],
      ...(outside === '' ? [] : [` seen as ${outside}`]),
      ...(nat === undefined ? [] : [`, ${natText(nat)}`]),
    ],
    sheet,
  );
}

function serverLines({ servers }: Status, sheet: Sheet): string[] {
  const shown = servers.slice(0, MAX_SERVERS);
  const more = servers.length - shown.length;
  return [
    ...shown.map((server) =>
      styledLine(
        [
          `through ${printable(server.name)} `,
          [serverStyle(server), server.state],
          ...(server.roundTripMs === undefined ? [] : [` ${milliseconds(server.roundTripMs)}`]),
        ],
        sheet,
      ),
    ),
    ...(more > 0 ? [styledLine([`+ ${more} more servers`], sheet)] : []),
  ];
}

function summaryLine({ counts, peers }: Status, sheet: Sheet): string {
  const lacking = counts.peers - counts.connected;
  const paths = (['lan', 'hard-nat', 'relay'] as const)
    .map((path) => [path, peers.filter((peer) => peer.path === path).length] as const)
    .filter(([, count]) => count > 0)
    .map(([path, count]) => `${count} ${path}`);
  const how = paths.length === 0 ? '' : ` (${paths.join(', ')})`;
  return styledLine(
    [
      `peers: ${counts.peers}, ${counts.connected} connected${how}`,
      ...(lacking === 0 ? [] : [', ' as Span, ['yellow', `${lacking} not`] as Span]),
    ],
    sheet,
  );
}

function problemLines({ problems }: Status, sheet: Sheet): string[] {
  const shown = problems.slice(0, MAX_PROBLEMS);
  const more = problems.length - shown.length;
  return [
    ...shown.flatMap(({ text }) => paragraph('problem', 'red', text, sheet, MAX_REASON_LINES)),
    ...(more > 0 ? [styledLine([`+ ${more} more problems`], sheet)] : []),
  ];
}

/** The peers in trouble with their reasons, then the others, then how many are left out. */
function peerLines(status: Status, sheet: Sheet, room: number): string[] {
  const { peers, counts } = status;
  if (peers.length === 0 || room < 2) {
    return [];
  }
  const now = Date.parse(status.time);
  const [titles = '', ...lines] = peerRows(peers, now, sheet);
  const isRoomy = room >= ROOMY;
  const blocks = lines.map((line, i) => [
    line,
    ...(isRoomy ? reasonLines(peers[i] as StatusPeer, sheet) : []),
  ]);
  const shown: string[] = isRoomy ? [titles] : [];
  let count = 0;
  for (const block of blocks) {
    const isLast = count + 1 === counts.peers;
    if (shown.length + block.length + (isLast ? 0 : 1) > room) {
      break;
    }
    shown.push(...block);
    count++;
  }
  return count === counts.peers ? shown : [...shown, leftOut(status, count, sheet)];
}

function leftOut({ counts }: Status, shown: number, sheet: Sheet): string {
  const lacking = Math.max(0, counts.peers - counts.connected - shown);
  const connected = counts.peers - shown - lacking;
  const parts = [
    ...(lacking > 0 ? [`${lacking} more not connected`] : []),
    ...(connected > 0 ? [`${connected} more connected`] : []),
  ];
  return styledLine([`+ ${parts.join(', ')}`], sheet);
}

function reasonLines({ reason }: StatusPeer, sheet: Sheet): string[] {
  return reason === undefined ? [] : indented(reason, '  ', sheet, MAX_REASON_LINES);
}

const TITLES = ['peer', 'path', 'endpoint', 'round trip', 'handshake', 'since'];

/** A line of titles and one for each peer, with the columns that fit. */
function peerRows(peers: readonly StatusPeer[], now: number, sheet: Sheet): string[] {
  if (peers.length === 0) {
    return [];
  }
  const rows = [TITLES, ...peers.map((peer) => cellsOf(peer, now))];
  const widths = TITLES.map((_, column) =>
    Math.max(...rows.map((row) => textWidth(row[column] ?? ''))),
  );
  let [fitting, width] = [0, -GAP.length];
  for (const column of widths) {
    width += column + GAP.length;
    if (width > sheet.columns && fitting > 1) {
      break;
    }
    fitting++;
  }
  return rows.map((row, i) => {
    const cells = row.slice(0, fitting).map((cell, column) => pad(cell, widths[column] ?? 0));
    const text = (part: readonly string[]) => part.join(GAP);
    const peer = peers[i - 1];
    if (peer === undefined) {
      return styledLine([['bold', text(cells).trimEnd()]], sheet);
    }
    const spans: Span[] = [
      cells[0] ?? '',
      GAP,
      [peerStyle(peer), cells[1] ?? ''],
      GAP + text(cells.slice(2)).trimEnd(),
    ];
    return styledLine(spans, sheet).trimEnd();
  });
}

function cellsOf(peer: StatusPeer, now: number): string[] {
  return [
    cut(nameOf(peer), MAX_NAME_COLUMNS),
    peer.path ?? peer.state,
    peer.endpoint ?? '-',
    peer.roundTripMs === undefined ? '-' : milliseconds(peer.roundTripMs),
    handshakeText(peer),
    age(now - Date.parse(peer.since)),
  ];
}

function interfaceBlock(status: Status, sheet: Sheet): string[] {
  const { interface: name, publicKey, listenPort, fwmark, mapping, nat, pid } = status;
  const started = age(Date.parse(status.time) - Date.parse(status.startedAt));
  return block('interface', 'green', name, sheet, [
    ['public key', publicKey],
    ['listening port', listenPort?.toString()],
    ['fwmark', fwmark ? `0x${fwmark.toString(16)}` : undefined],
    ['seen as', [mapping?.ipv4, mapping?.ipv6].filter(Boolean).join(', ') || undefined],
    ['nat', nat && natText(nat)],
    ['client', `pid ${pid}, running for ${started}, version ${status.version}`],
  ]);
}

function serverBlock(server: ServerView, sheet: Sheet): string[] {
  return block('server', 'cyan', printable(server.name), sheet, [
    ['protocol', server.protocol],
    ['public key', server.publicKey],
    ['endpoint', server.endpoint],
    ['state', server.state, serverStyle(server)],
    ['round trip', server.roundTripMs === undefined ? undefined : milliseconds(server.roundTripMs)],
  ]);
}

function peerBlock(peer: StatusPeer, now: number, sheet: Sheet): string[] {
  const { name, publicKey, change } = peer;
  const ago = (time: string) => age(now - Date.parse(time));
  return block('peer', 'yellow', name === undefined ? publicKey : printable(name), sheet, [
    ['public key', name === undefined ? undefined : publicKey],
    ['state', `${peer.state} for ${ago(peer.since)}`, peerStyle(peer)],
    ['path', peer.path],
    ['endpoint', peer.endpoint],
    ['round trip', peer.roundTripMs === undefined ? undefined : milliseconds(peer.roundTripMs)],
    ['latest handshake', handshakeText(peer)],
    [
      'last change',
      change && `${printable(change.what)}, ${ago(change.time)} ago: ${printable(change.why)}`,
    ],
    ['local addresses', peer.offers?.join(', ')],
    ['nat', peer.nat && natText(peer.nat)],
    ['why', peer.reason && printable(peer.reason)],
  ]);
}

type Field = readonly [label: string, value: string | undefined, style?: Style];

function block(
  kind: string,
  style: Style,
  name: string,
  sheet: Sheet,
  fields: readonly Field[],
): string[] {
  const lines = [styledLine([[style, `${kind}: `], name], sheet)];
  if (textWidth(name) + kind.length + 2 > sheet.columns) {
    lines.splice(0, 1, styledLine([[style, `${kind}:`]], sheet), ...indented(name, '  ', sheet));
  }
  for (const [label, value, valueStyle] of fields) {
    if (value === undefined) {
      continue;
    }
    const styled = (text: string): Span => (valueStyle === undefined ? text : [valueStyle, text]);
    if (textWidth(value) + label.length + 4 <= sheet.columns) {
      lines.push(styledLine(['  ', ['bold', label], ': ', styled(value)], sheet));
    } else {
      lines.push(styledLine(['  ', ['bold', label], ':'], sheet));
      lines.push(...indented(value, '    ', sheet));
    }
  }
  return lines;
}

/** A text behind a word, broken into lines where it does not fit. */
function paragraph(
  word: string,
  style: Style,
  text: string,
  sheet: Sheet,
  maxLines = Number.POSITIVE_INFINITY,
): string[] {
  const [first = '', ...more] = wrap(`${word}: ${printable(text)}`, sheet.columns);
  const head = styledLine(
    [[style, first.slice(0, word.length + 1)], first.slice(word.length + 1)],
    sheet,
  );
  const rest = more.length === 0 ? [] : indented(more.join(' '), '  ', sheet);
  return limited([head, ...rest], maxLines, sheet);
}

function indented(
  text: string,
  indent: string,
  sheet: Sheet,
  maxLines = Number.POSITIVE_INFINITY,
): string[] {
  const lines = wrap(printable(text), Math.max(sheet.columns - indent.length, 1));
  return limited(
    lines.map((line) => cut(indent + line, sheet.columns)),
    maxLines,
    sheet,
  );
}

function limited(lines: readonly string[], maxLines: number, sheet: Sheet): string[] {
  if (lines.length <= maxLines) {
    return [...lines];
  }
  const kept = lines.slice(0, maxLines);
  kept[maxLines - 1] = cut(`${kept[maxLines - 1]} …`, sheet.columns);
  return kept;
}

function serverStyle({ state }: ServerView): Style {
  return state === 'answers' ? 'green' : state === 'silent' ? 'red' : 'yellow';
}

function peerStyle({ state, path }: StatusPeer): Style {
  if (state !== 'connected') {
    return state === 'connecting' ? 'yellow' : 'red';
  }
  return path === 'relay' ? 'cyan' : 'green';
}

/** The user's name of a peer, or the first characters of its key. */
export function nameOf({ name, publicKey }: StatusPeer): string {
  return name === undefined ? publicKey.slice(0, SHORT_KEY) : printable(name);
}

function handshakeText({ handshakeAgeSeconds }: StatusPeer): string {
  return handshakeAgeSeconds === undefined ? 'never' : `${age(handshakeAgeSeconds * 1000)} ago`;
}

/** A round trip: one digit behind the point below 10 ms. */
export function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** A span of time in its largest unit, and the next one where that says much. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) {
    return `${seconds} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) {
    return `${minutes} min`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}
