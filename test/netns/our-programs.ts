import { type Lab, type LabHost, type LabProcess, until } from '../../src/lab/index.js';
import { PROGRAM } from '../cli/run-command.js';

/** Longer than any connection takes, whatever else the machine does. */
export const CONNECT_TIMEOUT_MS = 40_000;

/** Starts our command on a host. */
export function spawnCommand(host: LabHost, ...args: string[]): LabProcess {
  return host.spawn(process.execPath, [PROGRAM, ...args]);
}

/** Starts our server and waits until it listens on all its sockets. */
export async function startServer(host: LabHost, ...args: string[]): Promise<LabProcess> {
  const server = spawnCommand(host, 'server', ...args);
  await server.waitForOutput(/listening on \[/);
  return server;
}

/** Starts our client beside a host's WireGuard. */
export function startClient(host: LabHost, server: string, ...args: string[]): LabProcess {
  return spawnCommand(host, 'client', host.wireguard.interface, server, ...args);
}

/** Waits until both hosts have had a handshake with each other. */
export async function handshakes<Name extends string>(
  lab: Lab<Name>,
  [a, b]: readonly [Name, Name],
  timeoutMs = CONNECT_TIMEOUT_MS,
): Promise<void> {
  const [first, second] = [lab.host(a).wireguard, lab.host(b).wireguard];
  await until(
    `a handshake of ${a} and ${b}`,
    async () =>
      (await first.hasHandshake(second.publicKey)) && (await second.hasHandshake(first.publicKey)),
    { timeoutMs },
  );
}

/** Waits until two hosts are connected: a handshake on both sides, and pings of both ways answered. */
export async function connected<Name extends string>(
  lab: Lab<Name>,
  [a, b]: readonly [Name, Name],
  timeoutMs = CONNECT_TIMEOUT_MS,
): Promise<void> {
  await handshakes(lab, [a, b], timeoutMs);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    if (!(await lab.ping(from, to, { timeoutMs: 10_000 }))) {
      throw new Error(`no answer to pings from ${from} to ${to}`);
    }
  }
}

/** What our programs call a peer without a name, as a part of a regular expression: base64 may hold a plus. */
export function namePattern({ publicKey }: { readonly publicKey: string }): string {
  return publicKey.slice(0, 8).replaceAll('+', '\\+');
}
