import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { total } from '../../src/metrics/metric-kinds.js';
import { openMetricsServer } from '../../src/metrics/metrics-server.js';
import { endpoint } from '../../src/wire/endpoint.js';
import { until } from '../native/deadline.js';
import { get, sample, TIMEOUT_MS } from './scrape.js';

const ANY_PORT = endpoint('127.0.0.1', 0);

function open(isReady = () => true) {
  const registry = new Registry();
  total(registry, 'things_total', 'Things', () => 3);
  return openMetricsServer(ANY_PORT, registry, isReady);
}

test('/metrics, /healthz and /readyz answer; other paths and methods are refused', async () => {
  const { address, close } = await open();
  const metrics = await get(address, '/metrics');
  assert.equal(metrics.status, 200);
  assert.match(metrics.type ?? '', /^text\/plain; version=0\.0\.4/);
  assert.equal(sample(metrics.text, 'things_total'), 3);
  assert.equal((await get(address, '/healthz')).status, 200);
  assert.equal((await get(address, '/readyz?probe=1')).status, 200);
  assert.equal((await get(address, '/')).status, 404);
  assert.equal((await get(address, '/metrics', 'POST')).status, 405);
  const head = await get(address, '/healthz', 'HEAD');
  assert.deepEqual([head.status, head.text], [200, '']);
  await close();
});

test('a server that is not ready is healthy', async () => {
  let ready = true;
  const { address, close } = await open(() => ready);
  const probes = async () => [
    (await get(address, '/readyz')).status,
    (await get(address, '/healthz')).status,
  ];
  assert.deepEqual(await probes(), [200, 200]);
  ready = false;
  assert.deepEqual(await probes(), [503, 200]);
  await close();
});

test('a scraper that never ends its request does not hold up the end', async () => {
  const server = await open();
  const scraper = connect(server.address.port, server.address.address);
  scraper.on('error', () => {}); // it is to be cut off
  await once(scraper, 'connect');
  scraper.write('GET /metrics HTTP/1.1\r\nX: ');
  const drip = setInterval(() => scraper.write('x'), 50);
  let closed = false;
  const closing = server.close().then(() => {
    closed = true;
  });
  await Promise.race([
    closing,
    once(scraper, 'close', { signal: AbortSignal.timeout(TIMEOUT_MS) }),
  ]);
  await until('the end', () => closed);
  clearInterval(drip);
  scraper.destroy();
});

test('a port in use is an error that says where', async () => {
  const { address, close } = await open();
  const attempt = openMetricsServer(address, new Registry(), () => true);
  await assert.rejects(attempt, { code: 'EADDRINUSE', port: address.port });
  await close();
});
