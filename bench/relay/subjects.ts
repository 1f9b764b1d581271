import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MessageMacs } from '../../src/sealed/mac.js';
import { type PublicKey, parsePublicKey } from '../../src/wire/key.js';
import { BenchClient, placeOf } from '../server/sealed-clients.js';
import { startOurProgram, startProgram } from '../server/subject.js';
import type { Route } from './load.js';

/** A relay under measurement, ready to pass datagrams from A to B. */
export interface Relay extends AsyncDisposable {
  readonly name: string;
  readonly route: Route;
  /** The same path without the relay. */
  readonly direct: Route;
  /** Processor time that it has used so far. */
  cpuSeconds(): number;
}

/** A and B: addresses of this host, from which and to which the load goes. */
const [A, B] = [placeOf(0), placeOf(4)];
const LIMIT_PORT = 45_000;
const RELAY_PORTS = '45100-45101';
/** Without a relay: what the load generator and the loopback take by themselves. */
export const DIRECT: Route = { from: text(A), to: text(B), sink: text(B) };

/** Our server, as its command; the two register, ask and bind as clients do. */
export async function startOurs(folder: string): Promise<Relay> {
  const { server, lines } = await startOurProgram(
    [
      ...['server', '--listen', '127.0.0.1:0', '--key', join(folder, 'key')],
      ...['--relay', '--relay-ports', RELAY_PORTS, '--relay-rate', '900G', '--relay-total', '900G'],
    ],
    2,
  );
  const key = parsePublicKey((/^public key (\S+)/.exec(lines[1] ?? '')?.[1] ?? '') as string);
  const port = await connect(server.port, key);
  return {
    name: 'ours',
    route: { ...DIRECT, to: `127.0.0.1:${port}`, keepalive: `127.0.0.1:${port}` },
    direct: DIRECT,
    cpuSeconds: () => server.cpuSeconds(),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(join(folder, 'key'), { force: true });
    },
  };
}

/** Returns the relay port. */
async function connect(port: number, server: PublicKey): Promise<number> {
  const macs = new MessageMacs(server);
  const a = new BenchClient(0, macs);
  const b = new BenchClient(4, macs);
  const { publicKey: keyOfA } = a.keys;
  const { publicKey: keyOfB } = b.keys;
  await a.register(port, [keyOfB]);
  await b.register(port, [keyOfA]);
  const offerOfB = await b.askRelay(port, keyOfA);
  const offerOfA = await a.askRelay(port, keyOfB);
  if (offerOfA === undefined || offerOfB === undefined) {
    throw new Error('the server does not relay');
  }
  await a.bind(offerOfA);
  await b.bind(offerOfB);
  return offerOfA.port;
}

/** The limit: a relay in C that does nothing else. */
export async function startLimit(program: string): Promise<Relay> {
  const args = ['127.0.0.1', LIMIT_PORT, A.address, A.port, B.address, B.port].map(String);
  const server = await startProgram(program, args, LIMIT_PORT);
  return {
    name: 'C relay',
    route: { ...DIRECT, to: `127.0.0.1:${LIMIT_PORT}` },
    direct: DIRECT,
    cpuSeconds: () => server.cpuSeconds(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function text({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${address}:${port}`;
}

/** Runs a program to its end; rejects with what it said where it fails. */
export async function run(command: string, ...args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const code = await new Promise((resolve, reject) => {
    child.on('close', resolve).on('error', reject);
  });
  if (code !== 0) {
    throw new Error(`${command} ${args.join(' ')}: ${said.trim()}`);
  }
}
