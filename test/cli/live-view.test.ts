import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { withWg } from '../wireguard/stand-in.js';
import { clientArguments } from './client-process.js';
import { PROGRAM } from './run-command.js';

const PEERS = 60;
const DEADLINE_MS = 20_000;

/** A device with many peers, each with a fresh handshake but for two. */
const MANY_PEERS = `
[ "$1" = set ] && exit 0
now=$(date +%s)
printf '(none)\\t${Buffer.alloc(32, 200).toString('base64')}\\t51820\\toff\\n'
${Array.from({ length: PEERS }, (_, i) => {
  const key = Buffer.alloc(32, i + 1).toString('base64');
  const handshake = i < 2 ? '0' : '$now';
  return `printf '${key}\\t(none)\\t192.0.2.${i + 1}:51820\\t10.0.0.${i + 1}/32\\t%s\\t1\\t1\\t25\\n' ${handshake}`;
}).join('\n')}
`;

const SERVER = `wgr-live-${process.pid}`;

/** A real terminal emulator, in a server of its own. */
function tmux(...args: string[]): string {
  return execFileSync('tmux', ['-L', SERVER, '-f', '/dev/null', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' },
  });
}

/** What the window shows, without empty lines below. */
function shown(): string[] {
  return tmux('capture-pane', '-p', '-t', 'live').trimEnd().split('\n');
}

async function until(what: string, reached: (lines: readonly string[]) => boolean) {
  const end = performance.now() + DEADLINE_MS;
  for (let lines = shown(); ; lines = shown()) {
    if (reached(lines)) {
      return lines;
    }
    assert.ok(performance.now() < end, `${what} is not shown:\n${lines.join('\n')}`);
    await wait(50);
  }
}

/** One view, of the size of the window: each part once, nothing broken. */
function isWhole(lines: readonly string[], columns: number): boolean {
  const count = (pattern: RegExp) => lines.filter((line) => pattern.test(line)).length;
  return (
    lines.every((line) => line.length <= columns) &&
    count(/^lo$/) === 1 &&
    count(/^through /) === 1 &&
    count(/^peers: 60, 58 connected, 2 not/) === 1 &&
    count(/^\+ \d+ more connected/) === 1
  );
}

describe('the live view of a client', () => {
  afterEach(() => {
    try {
      tmux('kill-server');
    } catch {
      // It ended with its last window.
    }
  });

  it('fits its window, the peers in trouble first, and is redrawn when that changes', () =>
    withWg(MANY_PEERS, async (_folder, wg) => {
      const command = [process.execPath, PROGRAM, ...clientArguments(wg)];
      tmux('-u', 'new-session', '-d', '-s', 'live', '-x', '80', '-y', '24', ...command);
      let lines = await until('the view', (seen) => isWhole(seen, 80));
      assert.ok(lines.length <= 24);
      const rows = lines.filter((line) => /192\.0\.2\.\d+:51820/.test(line));
      assert.match(rows[0] as string, /asking/);
      assert.match(rows[1] as string, /asking/);
      assert.match(rows[2] as string, /direct +192\.0\.2\./);
      for (const [columns, height] of [
        [40, 15],
        [132, 40],
        [30, 10],
        [80, 24],
      ] as const) {
        tmux('resize-window', '-t', 'live', '-x', String(columns), '-y', String(height));
        lines = await until(`a view of ${columns} x ${height}`, (seen) => isWhole(seen, columns));
        assert.ok(lines.length <= height);
        assert.ok(lines.length >= height - 2, `it uses the window: ${lines.length} of ${height}`);
      }
    }));
});
