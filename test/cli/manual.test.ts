import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { COMMANDS } from '../../src/cli/commands.js';
import { completions } from '../../src/cli/manual/completion.js';
import { manPages } from '../../src/cli/manual/man-page.js';
import { entriesOf, optionsOf } from '../../src/cli/manual/syntax.js';
import { createProgram } from '../../src/cli/program.js';

const DEADLINE_MS = 15_000;

const program = createProgram(COMMANDS);
const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-manual-'));
const pages = manPages(program, '1.2.3');
const INTERFACES = ['wg7', 'wg8'];

function run(file: string, ...args: string[]): string {
  return execFileSync(file, args, {
    encoding: 'utf8',
    // A stand-in for `wg`, which completions ask for interfaces.
    env: {
      PATH: `${folder}:${process.env['PATH']}`,
      HOME: folder,
      LC_ALL: 'C.UTF-8',
      MANWIDTH: '80',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

before(() => {
  for (const { file, text } of pages) {
    writeFileSync(join(folder, file), text);
  }
  for (const { file, text } of completions(program)) {
    writeFileSync(join(folder, file), text);
  }
  writeFileSync(join(folder, 'wg'), `#!/bin/sh\necho ${INTERFACES.join(' ')}\n`, { mode: 0o755 });
});
after(() => rmSync(folder, { recursive: true }));

describe('the manual', () => {
  it('has a page for the program and one for each command', () => {
    const names = pages.map(({ file }) => file);
    assert.ok(names.includes('wg-rendezvous.8'));
    for (const name of ['server', 'client', 'status', 'check', 'pubkey', 'dns-server', 'compare']) {
      assert.ok(names.includes(`wg-rendezvous-${name}.8`), name);
    }
    assert.ok(!names.some((name) => name.includes('lab-agent')));
  });

  it('is read by groff, mandoc and man without a warning', () => {
    for (const { file } of pages) {
      const path = join(folder, file);
      const groff = execFileSync('sh', ['-c', 'groff -man -Tutf8 -ww -z "$0" 2>&1', path]);
      assert.equal(groff.toString(), '', file);
      assert.equal(run('mandoc', '-T', 'lint', '-W', 'error', path), '', file);
      assert.match(run('man', '-l', path), /^NAME\n +wg-rendezvous/m);
    }
  });

  it('shows every option of a command, as it is typed', () => {
    for (const { command, path } of entriesOf(program)) {
      const text = run('man', '-l', join(folder, `wg-rendezvous-${path.join('-')}.8`));
      for (const { flags } of optionsOf(command)) {
        assert.ok(text.includes(flags.split(/[ ,]/)[0] as string), `${path.join(' ')} ${flags}`);
      }
    }
    for (const { file, text } of pages) {
      assert.doesNotMatch(text, /[^\\]-/, `${file}: a dash that cannot be copied`);
    }
  });
});

/** What a line is completed to. */
type Complete = (line: string) => string[] | Promise<string[]>;

function bash(line: string): string[] {
  const words = line.split(' ');
  const script = `
    source ${join(folder, 'wg-rendezvous')}
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _wg_rendezvous
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  return run('bash', '--norc', '-c', script, 'bash', ...words)
    .split('\n')
    .filter(Boolean);
}

function fish(line: string): string[] {
  const script = `source ${join(folder, 'wg-rendezvous.fish')}; complete -C '${line}'`;
  return run('fish', '--no-config', '-c', script)
    .split('\n')
    .flatMap((found) => found.split('\t')[0] || []);
}

let terminals = 0;

/** Each terminal has a server of its own: one that ends takes the next one's session with it. */
function tmux(...args: string[]): string {
  return run('tmux', '-L', `wgr-zsh-${process.pid}-${terminals}`, '-f', '/dev/null', ...args);
}

/** zsh completes on a terminal only: the words that it shows, in the line or below it. */
async function zsh(line: string): Promise<string[]> {
  terminals++;
  tmux('new-session', '-d', '-s', 'z', '-x', '200', '-y', '50', 'zsh', '-f');
  try {
    const setUp = `fpath=(${folder} $fpath); autoload -Uz compinit && compinit -u -D; PS1='> '; clear; echo ready`;
    tmux('send-keys', '-t', 'z', '-l', setUp);
    tmux('send-keys', '-t', 'z', 'Enter');
    await shown(/^ready$/m);
    tmux('send-keys', '-t', 'z', '-l', line);
    tmux('send-keys', '-t', 'z', 'Tab');
    const before = line.trimEnd();
    const text = await shown(
      new RegExp(`^> ${before}\\S|^> ${before} \\S|^> ${before}[\\s\\S]*\\n\\S`, 'm'),
    );
    return text.slice(text.indexOf('> ')).split(/[\s,]+/);
  } finally {
    tmux('kill-server');
  }
}

async function shown(pattern: RegExp): Promise<string> {
  for (const end = performance.now() + DEADLINE_MS; ; await wait(50)) {
    const text = tmux('capture-pane', '-p', '-t', 'z');
    if (pattern.test(text)) {
      return text;
    }
    assert.ok(performance.now() < end, `${pattern} is not shown:\n${text}`);
  }
}

const SHELLS: Readonly<Record<string, Complete>> = { bash, zsh, fish };

describe('completion', () => {
  for (const [shell, complete] of Object.entries(SHELLS)) {
    it(`${shell}: commands, options, choices and interfaces`, async () => {
      const has = async (line: string, ...expected: string[]) => {
        const found = await complete(line);
        for (const word of expected) {
          assert.ok(found.includes(word), `${line}: ${word} is not in ${found.join(' ')}`);
        }
      };
      await has('wg-rendezvous cl', 'client');
      await has('wg-rendezvous dns ', 'server', 'client', 'keygen');
      await has('wg-rendezvous client --ser', '--server-key');
      await has('wg-rendezvous server --log-format ', 'text', 'json');
      await has('wg-rendezvous dns server --zo', '--zone');
      await has('wg-rendezvous status wg', ...INTERFACES);
    });
  }

  it('bash: no hidden command, and files where a file is wanted', () => {
    assert.ok(!bash('wg-rendezvous la').includes('lab-agent'));
    mkdirSync(join(folder, 'keys'), { recursive: true });
    assert.deepEqual(bash(`wg-rendezvous pubkey --key ${folder}/ke`), [`${folder}/keys`]);
  });
});
