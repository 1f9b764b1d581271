/*
 * Writes docs/captures.md: what `status` and `check` show on terminals of 80 and of 40 columns, in a lab with
 * one peer that is connected and one that is not, both named in the settings. To be run as root after a build:
 * `node dist/scripts/captures.js`.
 */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Status } from '../src/client/status/status.js';
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

/** A section of the settings that gives a host's peer a name. */
function namedPeer({ name, wireguard }: LabHost): string {
  return `[Peer]\nPublicKey = ${wireguard.publicKey}\nName = ${name === 'b' ? 'laptop' : 'office'}\n`;
}

async function statusOf(host: LabHost): Promise<Status> {
  const args = [CLI, 'status', host.wireguard.interface, '--json'];
  return JSON.parse(await host.exec(process.execPath, args)) as Status;
}

/** Whether the client has looked at its NAT, and asked its router for a port. */
function hasNat({ nat }: Status): boolean {
  return nat?.hairpin !== undefined && nat.portMapping !== undefined;
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
  const [a, b, c] = [lab.host('a'), lab.host('b'), lab.host('c')];
  const settings = join(folder, 'wg0.conf');
  const named = [`[Client]\nServer = ${key}@${rv.address}\n`, ...[b, c].map(namedPeer)];
  writeFileSync(settings, named.join('\n'), { mode: 0o644 });
  for (const host of [a, b]) {
    const { interface: name } = host.wireguard;
    host.spawn(process.execPath, [CLI, 'client', name, '--config', settings]);
  }
  await until('a tunnel', () => a.wireguard.hasHandshake(b.wireguard.publicKey), {
    timeoutMs: TIMEOUT_MS,
  });
  await until('what the NAT does', async () => hasNat(await statusOf(a)), {
    timeoutMs: TIMEOUT_MS,
  });
  const parts = ['# What status and check show\n'];
  for (const columns of [80, 40]) {
    parts.push(`## ${columns} columns\n`);
    for (const command of ['status', 'check']) {
      parts.push(await capture(a, columns, command, a.wireguard.interface));
    }
  }
  parts.push(
    'Made in the lab, with `sudo node dist/scripts/captures.js` after `npm run build:all`.\n',
  );
  writeFileSync(FILE, parts.join('\n'));
} finally {
  await rm(folder, { recursive: true });
}
