import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ITEMS } from '../../src/check/finding.js';
import { lackText } from '../../src/cli/peer-text.js';
import { describeNotReady } from '../../src/wireguard/readiness.js';
import { fixedWords, messagesOf, messagesOfSources } from './messages.js';

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

  it('has every message of the sources', () => {
    const messages = messagesOfSources();
    assert.ok(messages.length > 250, `${messages.length}`);
    for (const known of ['the raw socket failed: …', '… has no peer …: add it, or drop --peer']) {
      assert.ok(
        messages.some(({ text }) => text === known),
        known,
      );
    }
    const missing = messages.filter((message) => {
      const words = fixedWords(message);
      return words !== undefined && !TEXT.includes(words);
    });
    assert.deepEqual(missing, []);
  });

  it('would lack a message that is added', () => {
    const source = "problems.raise('server', 'this server plays chess: ask it to stop');";
    const [message, ...others] = messagesOf('client/new.ts', source);
    assert.ok(message !== undefined && others.length === 0);
    assert.equal(fixedWords(message), 'this server plays chess');
    assert.ok(!TEXT.includes('plays chess'));
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
