import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisServer } from '../../test/server/store/redis-server.js';
import { cpuSeconds } from '../server/subject.js';
import { Crowds } from './crowds.js';
import { sharedNow } from './generator.js';
import { type Server, startServer } from './servers.js';
import { type Spread, spreadOf } from './spread.js';

const SERVERS = 4;
const CHANGES_PER_SECOND = 50;

export interface AcrossOptions {
  readonly folder: string;
  readonly clients: number;
  readonly pingMs: number;
  /** How long the clients are left alone and counted; then how long some of them change. */
  readonly restSeconds: number;
  /** Where V8 writes CPU profiles of the servers; undefined for none. */
  readonly profile: string | undefined;
  readonly changeSeconds: number;
}

/** What servers, store and clients did since their start. */
interface Totals {
  /** Scripts and messages of the servers; commands with those within scripts; bytes to and from the store. */
  readonly scripts: number;
  readonly messages: number;
  readonly commands: number;
  readonly storeBytes: number;
  /** Processor time in ms. */
  readonly storeMs: number;
  readonly serverMs: number;
  /** Datagrams and bytes of the clients, without headers of IP and UDP, in both directions. */
  readonly datagrams: number;
  readonly bytes: number;
}

export interface AcrossResult {
  readonly clients: number;
  readonly joinSeconds: number;
  /** Until the peers of a client have news of it. */
  readonly moved: Spread;
  readonly appeared: Spread;
  readonly missing: number;
  /** Of one client: while it joins, and in a minute at rest. */
  readonly join: Totals;
  readonly minute: Totals;
  /** Memory that a client takes. */
  readonly storeBytes: number;
  readonly serverBytes: number;
}

/** Four servers with one store, each of a quarter of the clients, who want clients of other servers. */
export async function measureAcross(options: AcrossOptions): Promise<AcrossResult> {
  await using redis = await RedisServer.start();
  const servers: Server[] = [];
  try {
    for (let i = 0; i < SERVERS; i++) {
      const folder = join(options.folder, String(i));
      await mkdir(folder, { mode: 0o700 });
      const store = ['--store', redis.url];
      servers.push(await startServer(folder, 0, options.clients, store, options.profile));
    }
    return await measure(options, redis, servers);
  } finally {
    await Promise.all(servers.map((it) => it[Symbol.asyncDispose]()));
  }
}

async function measure(
  { clients, pingMs, restSeconds, changeSeconds }: AcrossOptions,
  redis: RedisServer,
  servers: readonly Server[],
): Promise<AcrossResult> {
  await using crowds = await Crowds.open(servers, { clients, pingMs, holds: true });
  const read = () => readTotals(redis, servers, crowds);
  const residentBytes = () => servers.reduce((sum, it) => sum + it.residentBytes(), 0);
  const usedBytes = async () => numberIn(await redis.ask('INFO', 'memory'), 'used_memory');
  const empty = { resident: residentBytes(), used: await usedBytes() };
  const atStart = await read();
  const beganAt = sharedNow();
  await crowds.join();
  const joinSeconds = (sharedNow() - beganAt) / 1000;
  const { size } = crowds;
  const atJoin = await read();
  const storeBytes = ((await usedBytes()) - empty.used) / size;
  await delay(pingMs);
  const serverBytes = (residentBytes() - empty.resident) / size;
  const atRest = await read();
  await delay(restSeconds * 1000);
  const minute = per(size * (restSeconds / 60), atRest, await read());
  const changes = await crowds.watched.change(CHANGES_PER_SECOND, changeSeconds);
  return {
    clients: size,
    joinSeconds,
    moved: spreadOf(changes.moved),
    appeared: spreadOf(changes.appeared),
    missing: changes.missing,
    join: per(size, atStart, atJoin),
    minute,
    storeBytes,
    serverBytes,
  };
}

function per(divisor: number, before: Totals, after: Totals): Totals {
  const names = Object.keys(after) as (keyof Totals)[];
  const parts = names.map((name) => [name, (after[name] - before[name]) / divisor]);
  return Object.fromEntries(parts) as Totals;
}

async function readTotals(
  redis: RedisServer,
  servers: readonly Server[],
  crowds: Crowds,
): Promise<Totals> {
  const info = await redis.ask('INFO', 'everything');
  const { sent, sentBytes, received, receivedBytes } = await crowds.traffic();
  return {
    scripts: callsIn(info, 'evalsha'),
    messages: callsIn(info, 'publish'),
    commands: numberIn(info, 'total_commands_processed'),
    storeBytes: numberIn(info, 'total_net_input_bytes') + numberIn(info, 'total_net_output_bytes'),
    storeMs: cpuSeconds(redis.pid) * 1000,
    serverMs: servers.reduce((sum, it) => sum + it.cpuSeconds(), 0) * 1000,
    datagrams: sent + received,
    bytes: sentBytes + receivedBytes,
  };
}

function numberIn(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
}

function callsIn(info: string, command: string): number {
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
}
