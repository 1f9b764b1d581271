import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Screen } from '../../src/cli/screen.js';
import { statusLines, windowLines } from '../../src/cli/status-view.js';
import { hasColour } from '../../src/cli/styled-line.js';
import { cut, textWidth, wrap } from '../../src/cli/text-width.js';
import type { Status, StatusPeer } from '../../src/client/status/status.js';
import { SAMPLE_STATUS } from '../client/sample-status.js';
import { statusErrors } from '../client/status-schema.js';

/** The characters that begin escape sequences, and all that move a cursor. */
const ESC = '\u001b';
const CONTROL = /\p{Cc}/u;

const FILE = { columns: Number.POSITIVE_INFINITY, colour: false };
const [LAPTOP, LOST] = SAMPLE_STATUS.peers as [StatusPeer, StatusPeer];

/** A status with so many peers, of which some lack a connection. */
function manyPeers(total: number, lacking: number): Status {
  const peers = Array.from({ length: total }, (_, i) => ({
    ...(i < lacking ? LOST : LAPTOP),
    name: undefined,
    publicKey: `${String(i).padStart(8, 'k')}${LAPTOP.publicKey.slice(8)}`,
  }));
  const counts = {
    ...SAMPLE_STATUS.counts,
    peers: total,
    connected: total - lacking,
    unknown: lacking,
  };
  return { ...SAMPLE_STATUS, peers, counts };
}

describe('colours', () => {
  const before = { ...process.env };
  afterEach(() => {
    process.env = { ...before };
  });

  for (const [isTTY, env, expected] of [
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ] as const) {
    it(`are ${expected ? 'on' : 'off'}: terminal ${isTTY}, ${JSON.stringify(env)}`, () => {
      process.env = { TERM: 'xterm', ...env };
      assert.equal(hasColour({ isTTY }), expected);
    });
  }
});

describe('a status as blocks', () => {
  it('is laid out as wg show is', () => {
    const text = statusLines(SAMPLE_STATUS, FILE).join('\n');
    assert.match(text, /^interface: wg0\n {2}public key: hgfe/);
    assert.match(text, /\n\nserver: rv\.example\.org:49918\n {2}protocol: sealed\n/);
    assert.match(text, /\n\npeer: laptop\n {2}public key: xTIBA5rb/);
    assert.match(
      text,
      /\n {2}last change: endpoint 198\.51\.100\.9:51820, 5 min ago: WireGuard followed the peer\n/,
    );
    assert.match(text, /\nproblem: no answer from/);
  });

  it('fits 40 columns, with nothing left out', () => {
    const lines = statusLines(SAMPLE_STATUS, { columns: 40, colour: false });
    assert.deepEqual(
      lines.filter((line) => textWidth(line) > 40),
      [],
    );
    const squeezed = (text: string) => text.replace(/\s/g, '');
    assert.equal(squeezed(lines.join('')), squeezed(statusLines(SAMPLE_STATUS, FILE).join('')));
  });

  it('has one line for each connected peer if there are many, also in 40 columns', () => {
    for (const columns of [80, 40]) {
      const lines = statusLines(manyPeers(500, 2), { columns, colour: false });
      assert.ok(lines.length < 560, `${lines.length}`);
      assert.equal(lines.filter((line) => /^k+\d+ +direct /.test(line)).length, 498);
      assert.deepEqual(
        lines.filter((line) => textWidth(line) > columns),
        [],
      );
    }
  });

  it('has colours only where they are wanted, and no name can move the cursor', () => {
    const evil = { ...LAPTOP, name: 'a\x1b[2Jb\r\n' };
    const status = { ...SAMPLE_STATUS, peers: [evil, LOST] };
    assert.doesNotMatch(statusLines(status, FILE).join(''), CONTROL);
    assert.doesNotMatch(windowLines(status, { columns: 80, colour: false }, 20).join(''), CONTROL);
    assert.ok(statusLines(status, { columns: 80, colour: true }).join('').includes(`${ESC}[32m`));
  });
});

describe('a status in a window', () => {
  it('shows the peers in trouble first, and says how many are left out', () => {
    const lines = windowLines(manyPeers(30, 2), { columns: 80, colour: false }, 15);
    assert.ok(lines.length <= 15);
    assert.match(lines.join('\n'), /^peers: 30, 28 connected, 2 not$/m);
    assert.match(lines.join('\n'), /^problem: no answer from/m);
    const rows = lines.filter((line) => /^k+\d/.test(line));
    assert.match(rows[0] as string, /unknown/);
    assert.match(rows[1] as string, /unknown/);
    assert.match(rows[2] as string, /direct/);
    assert.match(lines.join('\n'), new RegExp(`^\\+ ${30 - rows.length} more connected$`, 'm'));
  });

  it('never has a line too wide, nor a line too many', () => {
    for (const total of [0, 1, 3, 23, 500]) {
      for (const lacking of [0, 1, total].filter((n) => n <= total)) {
        const status = manyPeers(total, lacking);
        for (const columns of [1, 8, 20, 40, 80, 200]) {
          for (const rows of [1, 2, 3, 5, 10, 24, 60]) {
            const lines = windowLines(status, { columns, colour: false }, rows);
            const at = `${total} peers, ${columns} x ${rows}`;
            assert.ok(lines.length <= rows, at);
            assert.ok(
              lines.every((line) => textWidth(line) <= columns),
              at,
            );
          }
        }
      }
    }
  });

  it('shows all peers if there is room', () => {
    const text = windowLines(SAMPLE_STATUS, { columns: 100, colour: false }, 24).join('\n');
    assert.match(text, /^laptop +direct +198\.51\.100\.9:51820 +23 ms +3 s ago +5 min$/m);
    assert.match(text, /^ {2}the server does not know it/m);
    assert.doesNotMatch(text, /more/);
  });
});

describe('a screen', () => {
  /** A terminal that remembers what was written. */
  class Recorder {
    columns = 10;
    rows = 5;
    written = '';
    resized = () => {};
    write(text: string) {
      this.written += text;
    }
    on(_: 'resize', listener: () => void) {
      this.resized = listener;
    }
    off() {
      this.resized = () => {};
    }
  }

  it('draws over what it drew, even if a smaller window has wrapped it', () => {
    const terminal = new Recorder();
    const screen = new Screen(terminal, () => ['1234567890', 'x']);
    screen.draw();
    terminal.written = '';
    screen.draw();
    assert.ok(terminal.written.includes(`${ESC}[2A\r${ESC}[K1234567890`));
    terminal.columns = 5;
    terminal.written = '';
    terminal.resized();
    assert.ok(terminal.written.includes(`${ESC}[3A\r`));
    terminal.written = '';
    screen.end();
    terminal.written = '';
    terminal.resized();
    assert.equal(terminal.written, '');
  });

  it('leaves a row for the cursor', () => {
    const sizes: number[][] = [];
    new Screen(new Recorder(), (...size) => {
      sizes.push(size);
      return [];
    }).draw();
    assert.deepEqual(sizes, [[10, 4]]);
  });
});

describe('widths', () => {
  it('count columns, not characters', () => {
    assert.equal(textWidth('漢字'), 4);
    assert.equal(textWidth('e\u0301'), 1);
    assert.equal(cut('漢字漢字', 6), '漢字…');
    assert.equal(cut('abc', 3), 'abc');
    assert.equal(cut('abcd', 3), 'ab…');
    assert.deepEqual(wrap('one two three', 7), ['one two', 'three']);
    assert.deepEqual(wrap('abcdefgh', 3), ['abc', 'def', 'gh']);
  });
});

describe('the schema of a status', () => {
  it('accepts the sample, and refuses what it does not name', () => {
    assert.deepEqual(statusErrors(SAMPLE_STATUS), []);
    assert.notDeepEqual(statusErrors({ ...SAMPLE_STATUS, secret: 1 }), []);
    const { counts: _, ...rest } = SAMPLE_STATUS;
    assert.notDeepEqual(statusErrors(rest), []);
  });
});
