import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ITEMS } from '../../src/check/finding.js';
import { lackText } from '../../src/cli/peer-text.js';
import { describeNotReady } from '../../src/wireguard/readiness.js';

const ROOT = new URL('../../../', import.meta.url);
const read = (file: string) => readFileSync(fileURLToPath(new URL(file, ROOT)), 'utf8');

const PAGE = read('docs/troubleshooting.md');
/** As one line: what a message says may be broken in the table. */
const TEXT = PAGE.replace(/\s+/g, ' ');

/** The topics of the type Topic. */
const TOPICS = [
  ...(/type Topic =([^;]+);/.exec(read('src/client/problems.ts'))?.[1] ?? '').matchAll(
    /'([^']+)'/g,
  ),
].map(([, topic]) => topic as string);

/** The messages that the code raises, by their fixed words before the first part that varies. */
function fixedWords(message: string): string {
  return message
    .split(/\$\{[^}]*\}/)
    .map((part) => part.trim())
    .sort((a, b) => b.length - a.length)[0] as string;
}

describe('docs/troubleshooting.md', () => {
  it('has an entry for each problem topic', () => {
    assert.ok(TOPICS.length > 10);
    for (const topic of TOPICS) {
      assert.match(PAGE, new RegExp(`^### ${topic}\\n\\n\\|`, 'm'), topic);
    }
  });

  it('has an entry for each item of a check', () => {
    for (const item of ITEMS) {
      assert.match(PAGE, new RegExp(`^### check: ${item}$`, 'm'), item);
    }
  });

  it('has what the client says of an interface that cannot be used', () => {
    for (const reason of [
      'missing',
      'not-wireguard',
      'down',
      'no-private-key',
      'no-listen-port',
      'no-peers',
    ] as const) {
      const said = describeNotReady('NAME', reason).split(/: /)[0]?.replace(/NAME/g, '…') as string;
      assert.ok(TEXT.includes(said), said);
    }
  });

  it('has the messages that are raised by name', () => {
    const files = [
      'src/client/client.ts',
      'src/client/paths/probe-exchange.ts',
      'src/client/classic/classic-finder.ts',
    ];
    const messages = files.flatMap((file) =>
      [...read(file).matchAll(/raise\(\s*'[a-z-]+',\s*[`'"]((?:[^`\\])*?)[`'"],?\s*\)/g)].map(
        ([, text]) => text as string,
      ),
    );
    assert.ok(messages.length >= 4, `${messages.length}`);
    for (const message of messages) {
      const words = fixedWords(message).split(': ')[0] as string;
      assert.ok(TEXT.includes(words), words);
    }
  });

  it('has why a peer is not connected', () => {
    const peer = {
      name: '',
      publicKey: new Uint8Array(32) as never,
      endpoint: undefined,
      handshakeAgeMs: undefined,
      offers: [],
      path: undefined,
      roundTripMs: undefined,
      answer: undefined,
    };
    for (const [state, unknownForMs] of [
      ['asking', undefined],
      ['unknown', 0],
      ['unknown', 60_000],
      ['connecting', undefined],
    ] as const) {
      const said = lackText({ ...peer, state, unknownForMs });
      const start = said.split(/ - | \(/)[0]?.slice(0, 60) as string;
      assert.ok(TEXT.includes(start.replace(/ with$/, '')), start);
    }
  });

  it('links to headings that are there', () => {
    const headings = [...PAGE.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      (title as string)
        .toLowerCase()
        .replace(/[^a-z0-9 -]/g, '')
        .replace(/ /g, '-'),
    );
    for (const [, anchor] of PAGE.matchAll(/\]\(#([^)]+)\)/g)) {
      assert.ok(headings.includes(anchor as string), anchor);
    }
  });
});
