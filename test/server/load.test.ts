import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drive } from '../../bench/server/load.js';
import { buildTools } from '../../bench/server/tools.js';
import { until } from '../../src/compare/lab/index.js';
import { openService } from '../../src/server/service.js';
import { endpoint } from '../../src/wire/endpoint.js';
import { LoopbackPeer } from './loopback-peer.js';
import { request } from './requests.js';
import { ServerCommand } from './server-command.js';

const ANY_PORT = endpoint('127.0.0.1', 0);

test('SIGTERM under full load: all that was read is answered, exit 0', async () => {
  await using tools = await buildTools();
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
  const { classic, sockets } = counts;
  assert.ok(classic.requests > 1000);
  assert.equal(classic.requests + classic.malformed + classic.limited, sockets.received);
  assert.equal(sockets.sent + sockets.sendDrops, classic.requests);
});

test('under a flood of new keys from many sources a peer registers, refreshes and is found', async () => {
  await using tools = await buildTools();
  await using server = await ServerCommand.start('--max-peers', '2000');
  await using a = await LoopbackPeer.open('127.0.0.7');
  await using b = await LoopbackPeer.open('127.0.0.8');
  await a.ask(server.endpoint, 1, 2);
  await b.ask(server.endpoint, 2, 1);
  const { port } = server.endpoint;
  let flooding = true;
  const flood = drive(tools.load, port, { mode: 'fresh', keys: 1000, seconds: 3 }).finally(() => {
    flooding = false;
  });
  let asked = 0;
  for (; flooding; asked++) {
    assert.deepEqual(await a.ask(server.endpoint, 1, 2), b.endpoint);
    assert.deepEqual(await b.ask(server.endpoint, 2, 1), a.endpoint);
  }
  await flood;
  assert.ok(asked > 3, `asked ${asked} times`);
  const { counts } = await server.stop();
  // Full but for the few that are left when even the flood's 64 sources count as heavy.
  assert.ok(counts.table.peers > 1900 && counts.table.peers <= 2000, `${counts.table.peers}`);
  assert.ok(counts.classic.refused > 0);
  assert.ok(counts.table.bytes < 2000 * 128);
});

test('one real source can neither fill the table nor take more than its rate', async () => {
  await using service = await openService({
    listen: [ANY_PORT],
    maxPeers: 200,
    sourceRate: 1,
    sourceBurst: 150,
  });
  const server = service.addresses[0]!;
  await using abuser = await LoopbackPeer.open('127.0.0.66');
  await using peer = await LoopbackPeer.open('127.0.0.7');
  for (let i = 0; i < 1000; i++) {
    await abuser.send(server, request('', 1000 + i, 1).payload);
  }
  await until('the flood to be read', () => service.counts().sockets.received === 1000);
  const { classic, table } = service.counts();
  // The bucket's 150, and one more for each second that the flood took.
  assert.ok(classic.requests >= 150 && classic.requests < 900, `${classic.requests} answered`);
  assert.equal(classic.limited, 1000 - classic.requests);
  assert.equal(table.peers, 100);
  assert.equal(classic.refused, classic.requests - 100);
  assert.deepEqual(await peer.ask(server, 1, 1), peer.endpoint);
});
