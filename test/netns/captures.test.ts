import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/lab/command.js';
import { TemporaryFolder } from '../../src/lab/temporary-folder.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/captures.js', import.meta.url));
const PAGE = fileURLToPath(new URL('../../../docs/captures.md', import.meta.url));
const TIMEOUT_MS = 120_000;

/** The captures of a page: how many columns, and the lines behind the command. */
function captures(page: string): { columns: number; command: string; lines: string[] }[] {
  return page.split(/^## /m).flatMap((section) =>
    [...section.matchAll(/^```\n\$ wg-rendezvous (\w+) wg0\n([\s\S]*?)\n```$/gm)].map(
      ([, command, text]) => ({
        columns: Number.parseInt(section, 10),
        command: command as string,
        lines: (text as string).split('\n'),
      }),
    ),
  );
}

/** A page without what differs from run to run: keys, numbers, and the ends of lines that depend on them. */
function shape(page: string): string {
  return page
    .replace(/\s+/g, '')
    .replace(/(?<=:)[\w+/]{43}=/g, 'KEY')
    .replace(/(?<=up,key)[\w+/]{8}(?=,)/g, 'KEY')
    .replace(/\d+(\.\d+)*/g, '#');
}

describe('docs/captures.md', () => {
  const folder = new TemporaryFolder('captures');
  after(() => folder[Symbol.dispose]());

  it('is what status and check show', async () => {
    const file = folder.file('captures.md');
    await run(process.execPath, [SCRIPT, file], { timeoutMs: TIMEOUT_MS });
    assert.equal(shape(readFileSync(PAGE, 'utf8')), shape(readFileSync(file, 'utf8')));
  });

  it('fits its columns, and has what is known of the NATs', () => {
    const found = captures(readFileSync(PAGE, 'utf8'));
    assert.deepEqual(
      found.map(({ columns, command }) => `${command} ${columns}`),
      ['status 80', 'check 80', 'status 40', 'check 40'],
    );
    for (const { columns, command, lines } of found) {
      const tooWide = lines.filter((line) => line.length > columns);
      assert.deepEqual(tooWide, [], `${command} at ${columns} columns`);
      const nats = lines.filter((line) => /^( {2}nat:|✓ nat: |· port-mapping: )/.test(line));
      assert.equal(nats.length, 2, `${command} at ${columns} columns`);
    }
  });
});
