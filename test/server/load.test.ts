import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { drive, type Load } from '../../bench/server/load.js';
import { buildTools, type Tools } from '../../bench/server/tools.js';
import { until } from '../../src/lab/index.js';
import type { ServiceCounts } from '../../src/server/counts.js';
import { endpoint } from '../../src/wire/endpoint.js';
import { LoopbackPeer } from './loopback-peer.js';
import { assertOneSourceIsBounded } from './one-source.js';
import { ServerCommand } from './server-command.js';

const ANY_PORT = endpoint('127.0.0.1', 0);
const MAX_PEERS = 2000;
const KEYS = 1000;

let tools: Tools;
before(async () => {
  tools = await buildTools();
});
after(() => tools[Symbol.asyncDispose]());

type Check = (counts: ServiceCounts) => void;

test('SIGTERM under full load: all that was read is answered, exit 0', async () => {
  await using server = await ServerCommand.start();
  const { port } = server.endpoint;
  let loading = true;
  const load = drive(tools.load, port, { mode: 'hits', keys: 1000, seconds: 4 }).finally(() => {
    loading = false;
  });
  await using peer = await LoopbackPeer.open('127.0.0.7');
  await peer.ask(server.endpoint, 1, 1);
  await until('the load', async () => (await server.counts()).classic.hits > 1000);
  assert.ok(loading, 'the load is on when the signal comes');
  const { code, counts } = await server.stop();
  await load;
  assert.equal(code, 0);
  const { admission, classic, sockets } = counts;
  assert.ok(classic.requests > 1000);
  assert.equal(classic.requests + admission.malformed + admission.limited, sockets.received);
  assert.equal(sockets.sent + sockets.sendDrops, classic.requests);
});

/** What is sent for two seconds to a table of 2000 entries, and the counts that the server must report. */
const FLOODS: readonly [what: string, load: Omit<Load, 'keys' | 'seconds'>, Check][] = [
  [
    'new keys from many sources',
    { mode: 'fresh' },
    ({ table, classic }) => {
      // The share of 127.0.0.0/24, which all sources belong to.
      assert.ok(table.peers > 1450 && table.peers <= 1501, `${table.peers}`);
      assert.ok(classic.refused > 0);
    },
  ],
  [
    'new keys from one source, as fast as it can',
    { mode: 'fresh', sources: 1, flood: true },
    ({ admission, table, classic }) => {
      assert.equal(table.peers, 2 + (MAX_PEERS - 2) / 2, 'the peers, and its half of the rest');
      assert.ok(classic.refused > 0);
      assert.ok(admission.limited > 0);
    },
  ],
  [
    'requests for unknown peers, as fast as they can be sent',
    { mode: 'misses', flood: true },
    ({ table, classic }) => {
      assert.ok(table.peers <= 2 + KEYS);
      assert.ok(classic.misses > 10_000, `${classic.misses}`);
      assert.equal(classic.refused, 0);
    },
  ],
  [
    'malformed datagrams, as fast as they can be sent',
    { mode: 'malformed', flood: true },
    ({ admission, table, classic, sockets }) => {
      assert.equal(table.peers, 2);
      assert.ok(admission.malformed > 10_000, `${admission.malformed}`);
      assert.equal(sockets.sent, classic.requests, 'none of them is answered');
    },
  ],
];

for (const [what, load, check] of FLOODS) {
  test(`under a flood of ${what}, peers are answered, found, and stay where they are`, async () => {
    // A rate that the flood exceeds on a busy machine too.
    const rate = ['--source-rate', '5000', '--source-burst', '5000'];
    await using server = await ServerCommand.start('--max-peers', String(MAX_PEERS), ...rate);
    await using a = await LoopbackPeer.open('127.0.0.7');
    await using b = await LoopbackPeer.open('127.0.0.8');
    await a.ask(server.endpoint, 1, 2);
    await b.ask(server.endpoint, 2, 1);
    let flooding = true;
    const { port } = server.endpoint;
    const flood = drive(tools.load, port, { ...load, keys: KEYS, seconds: 2 }).finally(() => {
      flooding = false;
    });
    await until('the flood', async () => (await server.counts()).sockets.received > 5000);
    assert.ok(flooding, 'the flood is on');
    do {
      assert.deepEqual(await a.ask(server.endpoint, 1, 2), b.endpoint);
      assert.deepEqual(await b.ask(server.endpoint, 2, 1), a.endpoint);
    } while (flooding);
    await flood;
    const { counts } = await server.stop();
    check(counts);
    assert.equal(counts.classic.moves, 0);
    assert.ok(counts.table.bytes < MAX_PEERS * 128);
  });
}

test('one real source can neither fill the table nor take more than its rate', async () => {
  await using abuser = await LoopbackPeer.open('127.0.0.66');
  await using peer = await LoopbackPeer.open('127.0.0.7');
  await assertOneSourceIsBounded(
    ANY_PORT,
    peer,
    (server, payload) => abuser.send(server, payload),
    100,
  );
});
