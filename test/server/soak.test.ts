import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drive, type Load } from '../../bench/server/load.js';
import { buildTools } from '../../bench/server/tools.js';
import { LoopbackPeer } from './loopback-peer.js';
import { ServerCommand } from './server-command.js';

const PHASE_SECONDS = 5;
/** 20 s in which V8 compiles, and the table and the receive buffers reach their size. */
const WARM_UP_PHASES = 4;
/** 60 s of full load. */
const PHASES = 12;
const KEYS = 5000;
const MAX_PEERS = 20_000;

/**
 * What the heap of V8 may breathe. A leak of one byte for every other request would be more: full
 * load is at least some millions of requests in a minute.
 */
const SLACK_BYTES = 12 * 1024 * 1024;

test('80 s at full load, with entries coming and going: memory stays flat', async (t) => {
  await using tools = await buildTools();
  // A short time to live, so that tens of thousands of entries expire, over and over.
  await using server = await ServerCommand.start('--max-peers', `${MAX_PEERS}`, '--peer-ttl', '2');
  const modes: readonly Load['mode'][] = ['hits', 'misses', 'fresh'];
  const resident: number[] = [];
  for (let phase = 0; phase < WARM_UP_PHASES + PHASES; phase++) {
    const mode = modes[phase % modes.length]!;
    await drive(tools.load, server.endpoint.port, { mode, keys: KEYS, seconds: PHASE_SECONDS });
    resident.push(server.residentBytes());
  }
  await using peer = await LoopbackPeer.open('127.0.0.7');
  assert.deepEqual(await peer.ask(server.endpoint, 1, 1), peer.endpoint);
  const { code, counts } = await server.stop();
  const before = Math.max(...resident.slice(0, WARM_UP_PHASES));
  const after = Math.max(...resident.slice(WARM_UP_PHASES));
  const mib = resident.map((bytes) => Math.round(bytes / 2 ** 20)).join(' ');
  t.diagnostic(`${counts.classic.requests} requests, ${counts.table.expired} expired; MiB: ${mib}`);
  assert.equal(code, 0);
  assert.ok(after < before + SLACK_BYTES, `resident MiB after each phase: ${mib}`);
  assert.ok(counts.table.expired > MAX_PEERS, 'entries were turned over');
  assert.equal(counts.sockets.sent + counts.sockets.sendDrops, counts.classic.requests);
});
