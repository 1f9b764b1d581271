/*
 * Writes docs/captures.md: what `status` and `check` show on terminals of 80 and of 40 columns, in a lab with
 * one peer that is connected and one that is not. To be run as root after a build.
 */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLab, type LabHost, until } from '../src/lab/index.js';

const CLI = fileURLToPath(new URL('../bin/wg-rendezvous.js', import.meta.url));
const FILE = fileURLToPath(new URL('../../docs/captures.md', import.meta.url));
const TERMINAL = 'import pty, sys; pty.spawn(sys.argv[1:])';
const TIMEOUT_MS = 30_000;

/** Runs a command on a terminal of so many columns. */
async function capture(host: LabHost, columns: number, ...args: string[]): Promise<string> {
  const shell = ['sh', '-c', `stty cols ${columns}; "$@"`, 'sh', process.execPath, CLI, ...args];
  const env = { ...process.env, LC_ALL: 'C.UTF-8', NO_COLOR: '1' };
  const terminal = host.spawn('python3', ['-c', TERMINAL, ...shell], env);
  await terminal.exited;
  const text = terminal.stdout.replaceAll('\r', '').replaceAll(host.wireguard.interface, 'wg0');
  return `\`\`\`\n$ wg-rendezvous ${args[0]} wg0\n${text.trimEnd()}\n\`\`\`\n`;
}

const folder = await mkdtemp(join(tmpdir(), 'wg-rendezvous-captures-'));
try {
  await using lab = await createLab({
    hosts: { a: { nat: 'cone' }, b: { nat: 'cone' }, c: { nat: 'cone' } },
    distance: { roundTripMs: 30 },
  });
  const rv = lab.rendezvous;
  const server = rv.spawn(process.execPath, [CLI, 'server', '--key', join(folder, 'keys/key')]);
  const key = (await server.waitForOutput(/public key (\S+)/))[1] as string;
  await server.waitForOutput(/listening on \[/);
  const [a, b] = [lab.host('a'), lab.host('b')];
  for (const host of [a, b]) {
    const { interface: name } = host.wireguard;
    host.spawn(process.execPath, [CLI, 'client', name, rv.address, '--server-key', key]);
  }
  await until('a tunnel', () => a.wireguard.hasHandshake(b.wireguard.publicKey), {
    timeoutMs: TIMEOUT_MS,
  });
  const parts = ['# What status and check show\n'];
  for (const columns of [80, 40]) {
    parts.push(`## ${columns} columns\n`);
    for (const command of ['status', 'check']) {
      parts.push(await capture(a, columns, command, a.wireguard.interface));
    }
  }
  parts.push('Made with `node dist/scripts/captures.js`, in the lab.\n');
  writeFileSync(FILE, parts.join('\n'));
} finally {
  await rm(folder, { recursive: true });
}
