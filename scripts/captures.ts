/*
 * Writes what `status` and `check` show on terminals of 80 and of 40 columns, in a lab with one peer that is
 * connected and one that is not, both named in the settings. To be run as root after a build:
 * `node dist/scripts/captures.js [FILE]`, by default docs/captures.md.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Status } from '../src/client/status/status.js';
import { createLab, type LabHost, until } from '../src/lab/index.js';

const CLI = fileURLToPath(new URL('../bin/wg-rendezvous.js', import.meta.url));
const FILE = fileURLToPath(new URL('../../docs/captures.md', import.meta.url));
const TERMINAL = 'import pty, sys; pty.spawn(sys.argv[1:])';
const TIMEOUT_MS = 30_000;
const INTERFACE = 'wg0';

/**
 * Sockets of an interface have its name: $0 is a folder that hides those of a `wg0` that this machine may have,
 * $1 the socket of the lab's WireGuard, if it has one. A bind mount, because wireguard-go ends when its socket changes.
 */
const PRIVATE_SOCKETS = `mkdir -p /run/wireguard /run/wg-rendezvous "$0/wireguard" "$0/client" &&
  { [ ! -S "$1" ] || { : >"$0/wireguard/${INTERFACE}.sock" && mount --bind "$1" "$0/wireguard/${INTERFACE}.sock"; }; } &&
  mount --rbind "$0/wireguard" /run/wireguard && mount --bind "$0/client" /run/wg-rendezvous && shift && exec "$@"`;

/** A host whose interface has the name that users' interfaces have. */
class Home {
  readonly #host: LabHost;
  readonly #folder: string;

  readonly #socket: string;

  private constructor(host: LabHost, folder: string) {
    this.#host = host;
    this.#folder = folder;
    this.#socket = `/run/wireguard/${host.wireguard.interface}.sock`;
  }

  static async rename(host: LabHost, folder: string): Promise<Home> {
    const { interface: name } = host.wireguard;
    await host.ip([
      `link set ${name} down`,
      `link set ${name} name ${INTERFACE}`,
      `link set ${INTERFACE} up`,
    ]);
    return new Home(host, folder);
  }

  spawn(file: string, args: readonly string[], env?: NodeJS.ProcessEnv) {
    const shell = ['-c', PRIVATE_SOCKETS, this.#folder, this.#socket];
    return this.#host.spawn('sh', [...shell, file, ...args], env);
  }

  /** What the client knows; undefined before it serves its status. */
  async status(): Promise<Status | undefined> {
    const status = this.spawn(process.execPath, [CLI, 'status', INTERFACE, '--json']);
    const { code } = await status.exited;
    return code === 0 ? (JSON.parse(status.stdout) as Status) : undefined;
  }

  /** Runs a command on a terminal of so many columns, and returns what it shows. */
  async capture(columns: number, command: string): Promise<string> {
    const line = ['sh', '-c', `stty cols ${columns}; "$@"`, 'sh', process.execPath, CLI];
    const env = { ...process.env, LC_ALL: 'C.UTF-8', NO_COLOR: '1' };
    const args = ['-c', TERMINAL, ...line, command, INTERFACE];
    const terminal = this.spawn('python3', args, env);
    await terminal.exited;
    return terminal.stdout.replaceAll('\r', '').trimEnd();
  }
}

/** A section of the settings that gives a host's peer a name. */
function namedPeer({ name, wireguard }: LabHost): string {
  return `[Peer]\nPublicKey = ${wireguard.publicKey}\nName = ${name === 'b' ? 'laptop' : 'office'}\n`;
}

/** Whether the client knows all that it can know: its NAT, its router, and both peers. */
function isComplete({ nat, peers }: Status): boolean {
  const [laptop, office] = ['laptop', 'office'].map((name) => peers.find((it) => it.name === name));
  return (
    nat?.hairpin !== undefined &&
    nat.portMapping !== undefined &&
    laptop?.path === 'direct' &&
    laptop.roundTripMs !== undefined &&
    laptop.nat?.hairpin !== undefined &&
    office?.state === 'unknown'
  );
}

const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-captures-'));
try {
  await using lab = await createLab({
    hosts: { a: { nat: 'cone' }, b: { nat: 'cone' }, c: { nat: 'cone' } },
    distance: { roundTripMs: 30 },
  });
  const rv = lab.rendezvous;
  const server = rv.spawn(process.execPath, [CLI, 'server', '--key', join(folder, 'keys/key')]);
  const key = (await server.waitForOutput(/public key (\S+)/))[1] as string;
  await server.waitForOutput(/listening on \[/);
  const [b, c] = [lab.host('b'), lab.host('c')];
  const home = await Home.rename(lab.host('a'), folder);
  const settings = join(folder, `${INTERFACE}.conf`);
  const named = [`[Client]\nServer = ${key}@${rv.address}\n`, ...[b, c].map(namedPeer)];
  writeFileSync(settings, named.join('\n'), { mode: 0o644 });
  const client = (name: string) => [CLI, 'client', name, '--config', settings];
  b.spawn(process.execPath, client(b.wireguard.interface));
  home.spawn(process.execPath, client(INTERFACE));
  await until(
    'all that the client can know',
    async () => {
      const status = await home.status();
      return status !== undefined && isComplete(status);
    },
    { timeoutMs: TIMEOUT_MS },
  );
  const parts = ['# What status and check show\n'];
  for (const columns of [80, 40]) {
    parts.push(`## ${columns} columns\n`);
    for (const command of ['status', 'check']) {
      const text = await home.capture(columns, command);
      parts.push(`\`\`\`\n$ wg-rendezvous ${command} ${INTERFACE}\n${text}\n\`\`\`\n`);
    }
  }
  parts.push(
    'Made in the lab, with `sudo node dist/scripts/captures.js` after `npm run build:all`.\n',
  );
  writeFileSync(process.argv[2] ?? FILE, parts.join('\n'));
} finally {
  rmSync(folder, { recursive: true });
}
