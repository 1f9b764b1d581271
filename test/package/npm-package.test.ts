import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, realpathSync, statSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Command } from 'commander';
import { COMMANDS, HIDDEN_COMMANDS } from '../../src/cli/commands.js';
import { createProgram } from '../../src/cli/program.js';
import { type CommandResult, outcome, run } from '../../src/lab/command.js';
import { TemporaryFolder } from '../../src/lab/temporary-folder.js';
import { classicRequest } from './classic-request.js';
import { CHECKOUT, makePackages, pinnedNode, VERSION } from './packages.js';
import { RunningServer } from './running-server.js';

const MAX_BYTES = 25e6;
const MAX_PACKAGES = 15;

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

describe('the npm package, installed into an empty prefix without a compiler', () => {
  const folder = new TemporaryFolder('npm-package');
  const prefix = folder.file('prefix');
  const installed = join(prefix, 'lib/node_modules/wg-rendezvous');
  const program = join(prefix, 'bin/wg-rendezvous');
  let said: CommandResult;

  before(async () => {
    const { npm } = await makePackages();
    // A PATH of three programs: whatever else an install script may want is not there.
    const path = folder.file('path');
    mkdirSync(path);
    for (const name of ['node', 'npm', 'sh']) {
      symlinkSync(realpathSync(which(name)), join(path, name));
    }
    const install = [
      'install',
      '--global',
      '--offline',
      '--foreground-scripts',
      '--prefix',
      prefix,
    ];
    said = await outcome(
      join(path, 'node'),
      ['-e', INSTALL, path, join(path, 'npm'), ...install, npm],
      { timeoutMs: 120_000 },
    );
    assert.equal(said.code, 0, said.stderr);
  });
  after(() => folder[Symbol.dispose]());

  it(`takes at most ${MAX_BYTES / 1e6} MB and ${MAX_PACKAGES} packages`, () => {
    const files = filesBelow(prefix);
    const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    assert.ok(bytes > 1e6 && bytes <= MAX_BYTES, `${bytes} bytes`);
    const packages = files.filter((file) => file.endsWith('/package.json'));
    assert.ok(packages.length >= 1 && packages.length <= MAX_PACKAGES, packages.join('\n'));
  });

  it('runs no script and needs no other package', () => {
    assert.doesNotMatch(said.stdout + said.stderr, /script|gyp|make/i);
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    assert.equal(manifest['dependencies'], undefined);
    const scripts = Object.keys(manifest['scripts'] as object);
    assert.deepEqual(
      scripts.filter((name) => /^(pre|post)?(install|prepare)$/.test(name)),
      [],
    );
    // npm would build the addon if it found one.
    assert.ok(!readdirSync(installed).includes('binding.gyp'));
  });

  for (const major of [20, 22, 24]) {
    it(`serves both protocols with the prebuilt addons, on Node ${major}`, async () => {
      const node = pinnedNode('x64', major);
      assert.equal((await run(node, [program, '--version'])).trim(), VERSION);
      const key = ['--key', folder.file(`key-${major}`)];
      await using server = await RunningServer.start(node, [program], key);
      assert.equal(await classicRequest(server.port), 6);
      assert.match(server.output, /public key [A-Za-z0-9+/]{43}=/);
      assert.doesNotMatch(server.output, /addon/);
    });
  }

  it('has a client that gets as far as the interface', async () => {
    const args = ['client', 'lo', '127.0.0.1', '--once', '--timeout', '1'];
    const { stderr } = await outcome(program, args);
    assert.doesNotMatch(stderr, /addon/);
    assert.match(stderr, /lo is not a WireGuard interface/);
  });

  it('keeps the licences of all that is in it', () => {
    const text = readFileSync(join(installed, 'dist/THIRD-PARTY'), 'utf8');
    const inputs = readdirSync(join(CHECKOUT, 'dist/meta')).flatMap((name) =>
      Object.keys(
        (
          JSON.parse(readFileSync(join(CHECKOUT, 'dist/meta', name), 'utf8')) as {
            inputs: Record<string, unknown>;
          }
        ).inputs,
      ),
    );
    const names = new Set(
      inputs.flatMap((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? []),
    );
    assert.ok(names.size > 20);
    for (const name of names) {
      assert.match(text, new RegExp(`^${name.replace(/[.*+?^$()|[\]\\]/g, '\\$&')} \\d`, 'm'));
    }
    assert.match(text, /Frank Denis/, 'libsodium, in the addon of sodium-native');
  });

  it('reads the charts for compare --html alone', () => {
    interface Output {
      readonly imports: readonly { readonly path: string; readonly kind: string }[];
      readonly inputs: Readonly<Record<string, unknown>>;
    }
    const { outputs } = JSON.parse(readFileSync(join(CHECKOUT, 'dist/meta/main.json'), 'utf8')) as {
      outputs: Record<string, Output>;
    };
    const loaded = (file: string, seen = new Set<string>()): Set<string> => {
      seen.add(file);
      for (const { path, kind } of outputs[file]?.imports ?? []) {
        if (kind === 'import-statement' && !seen.has(path)) {
          loaded(path, seen);
        }
      }
      return seen;
    };
    const hasCharts = (file: string): boolean =>
      Object.keys(outputs[file]?.inputs ?? {}).some((input) => input.includes('/echarts/'));
    const roots = Object.keys(outputs).filter((file) => /\/(main|[a-z-]+-run-\w+)\.js$/.test(file));
    assert.ok(roots.length > 3);
    for (const root of roots) {
      assert.deepEqual([...loaded(root)].filter(hasCharts), [], root);
    }
    assert.ok(Object.keys(outputs).some(hasCharts));
  });
});

describe('a Node that is too old', () => {
  const program = join(CHECKOUT, 'dist/bin/wg-rendezvous.js');
  const commands = commandLines(createProgram(COMMANDS, HIDDEN_COMMANDS));
  for (const major of [10, 12, 18]) {
    it(`says so in one line, and exits with 2, for every command: Node ${major}`, async () => {
      assert.ok(commands.length >= 10);
      const node = pinnedNode('x64', major);
      for (const args of [...commands, [], ['--version'], ['client', 'wg0', '192.0.2.1']]) {
        const { code, stdout, stderr } = await outcome(node, [program, ...args]);
        assert.equal(code, 2, args.join(' '));
        assert.equal(stdout, '');
        assert.match(
          stderr,
          new RegExp(`^error: [^\\n]*Node 20 or newer, and [^\\n]* is v${major}\\.[^\\n]*\\n$`),
        );
      }
    });
  }
});

/** The names of all commands, such as `dns server`, as arguments. */
function commandLines({ commands }: Command): string[][] {
  return commands.flatMap((command) =>
    command.commands.length === 0
      ? [[command.name()]]
      : commandLines(command).map((names) => [command.name(), ...names]),
  );
}

/** Runs npm with a PATH of its own: `node -e INSTALL PATH npm args…`. */
const INSTALL = `
  const [path, npm, ...args] = process.argv.slice(1);
  const env = { PATH: path, HOME: path, npm_config_cache: path + '/cache' };
  const { status, error } = require('child_process').spawnSync(process.execPath, [npm, ...args], { env, stdio: 'inherit' });
  if (error) throw error;
  process.exitCode = status;
`;

function which(name: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  for (const folder of folders) {
    const file = join(folder, name);
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) {
      return file;
    }
  }
  throw new Error(`there is no ${name} in ${folders.join(delimiter)}`);
}
