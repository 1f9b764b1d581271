import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, Server, type Socket } from 'node:net';
import { mock, test } from 'node:test';
import { Registry } from 'prom-client';
import { total } from '../../src/metrics/metric-kinds.js';
import {
  type MetricsServer,
  type MetricsServerOptions,
  openMetricsServer,
} from '../../src/metrics/metrics-server.js';
import { endpoint } from '../../src/wire/endpoint.js';
import { until } from '../native/deadline.js';
import { burst, countAnswers, get, heard, sample, TIMEOUT_MS, talk } from './scrape.js';

const ANY_PORT = endpoint('127.0.0.1', 0);

function open(
  options: Partial<MetricsServerOptions> = {},
  things = () => 3,
): Promise<MetricsServer> {
  const registry = new Registry();
  total(registry, 'things_total', 'Things', things);
  return openMetricsServer({ endpoint: ANY_PORT, registry, isReady: () => true, ...options });
}

/** Asks again and again until there is a free connection; fails after 10 s. */
async function answered({ address }: MetricsServer): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (countAnswers(await talk(address, burst('/healthz'))) === 0) {
    assert.ok(Date.now() < deadline, 'waited for a free connection');
  }
}

/** A connection that says what it likes. */
async function connectTo({ address }: MetricsServer): Promise<Socket> {
  const socket = connect(address.port, address.address);
  socket.on('error', () => {}); // it is to be cut off
  await once(socket, 'connect');
  return socket;
}

test('/metrics, /healthz and /readyz answer; other paths and methods are refused', async () => {
  await using server = await open();
  const metrics = await get(server.address, '/metrics');
  assert.equal(metrics.status, 200);
  assert.match(metrics.type ?? '', /^text\/plain; version=0\.0\.4/);
  assert.equal(sample(metrics.text, 'things_total'), 3);
  assert.equal((await get(server.address, '/healthz')).status, 200);
  assert.equal((await get(server.address, '/readyz?probe=1')).status, 200);
  assert.equal((await get(server.address, '/')).status, 404);
  assert.equal((await get(server.address, '/metrics', 'POST')).status, 405);
  const head = await get(server.address, '/healthz', 'HEAD');
  assert.deepEqual([head.status, head.text], [200, '']);
  assert.match(await talk(server.address, 'rubbish\n\n'), /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.match(await talk(server.address, 'x'.repeat(9000)), /^HTTP\/1\.1 431 /);
});

test('a request that comes byte by byte is answered', async () => {
  await using server = await open();
  const scraper = await connectTo(server);
  scraper.setNoDelay();
  const received = heard(scraper);
  for (const byte of 'GET /healthz HTTP/1.0\r\n\r\n') {
    await new Promise((resolve) => scraper.write(byte, resolve));
  }
  assert.match(await received, /^HTTP\/1\.1 200 OK\r\n.*Connection: close\r\n\r\nok\n$/s);
});

test('a connection has one answer, to any request; collectors run once in 250 ms', async () => {
  let [now, runs] = [0, 0];
  await using server = await open({ now: () => now }, () => ++runs);
  runs = 0; // it was read when it was made
  const flood = () =>
    Promise.all(Array.from({ length: 8 }, () => talk(server.address, burst('/metrics'))));
  for (const text of await flood()) {
    assert.equal(countAnswers(text), 1);
    assert.equal(sample(text, 'things_total'), 1);
  }
  now = 249.9;
  await flood();
  assert.equal(runs, 1);
  now = 250;
  await flood();
  assert.equal(runs, 2);
});

test('bytes behind a request are ignored', async () => {
  let asked = 0;
  await using server = await open({ isReady: () => ++asked > 0 });
  await talk(server.address, burst('/readyz').repeat(20));
  assert.equal(asked, 1);
});

test('a scraper that asks nothing is let go after 10 s', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    await using server = await open();
    const scraper = await connectTo(server);
    assert.equal((await get(server.address, '/healthz')).status, 200);
    mock.timers.tick(9999);
    assert.equal((await get(server.address, '/healthz')).status, 200);
    assert.equal(scraper.closed, false);
    mock.timers.tick(1);
    await until('the end', () => scraper.closed);
  } finally {
    mock.timers.reset();
  }
});

test('a metrics server with 64 silent connections closes the oldest one and answers the next', async () => {
  await using server = await open();
  const scrapers: Awaited<ReturnType<typeof connectTo>>[] = [];
  for (let i = 0; i < 64; i++) {
    scrapers.push(await connectTo(server));
  }
  await answered(server);
  await until('the oldest to be closed', () => scrapers[0]?.closed === true);
  assert.equal(scrapers.filter(({ closed }) => closed).length, 1);
  await server.close();
  await until('the end', () => scrapers.every((scraper) => scraper.closed));
});

test('a connection that was answered is gone, though its scraper keeps its side open', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    await using server = await open();
    const scrapers = Array.from({ length: 64 }, () => {
      const { address, port } = server.address;
      const scraper = connect({ host: address, port, allowHalfOpen: true });
      scraper.write('GET /healthz HTTP/1.1\r\n\r\n');
      return scraper.resume();
    });
    await Promise.all(scrapers.map((scraper) => once(scraper, 'end')));
    await answered(server);
    for (const scraper of scrapers) {
      scraper.destroy();
    }
  } finally {
    mock.timers.reset();
  }
});

test('an accept that fails is reported, and the next connection is answered', async () => {
  let listening: Server | undefined;
  const { listen } = Server.prototype;
  const spy = mock.method(Server.prototype, 'listen', function (this: Server, ...args: unknown[]) {
    listening = this;
    return Reflect.apply(listen, this, args);
  });
  let now = 0;
  const told: string[] = [];
  await using server = await open({
    now: () => now,
    onMetricsProblem: (it) => told.push(it.message),
  });
  spy.mock.restore();
  const fail = (message: string) => listening?.emit('error', new Error(message));
  fail('accept ENFILE');
  fail('accept ENFILE');
  now = 59_999;
  fail('accept ENFILE');
  assert.deepEqual(told, ['accept ENFILE']);
  now = 60_000;
  fail('accept ENOMEM');
  assert.deepEqual(told, ['accept ENFILE', 'accept ENOMEM']);
  assert.equal((await get(server.address, '/healthz')).status, 200);
});

test('a server that is not ready is healthy', async () => {
  let ready = true;
  await using server = await open({ isReady: () => ready });
  const probes = async () => [
    (await get(server.address, '/readyz')).status,
    (await get(server.address, '/healthz')).status,
  ];
  assert.deepEqual(await probes(), [200, 200]);
  ready = false;
  assert.deepEqual(await probes(), [503, 200]);
});

test('a request from before the end is answered, as not ready', async () => {
  let ready = true;
  await using server = await open({ isReady: () => ready });
  const probe = await connectTo(server);
  const received = heard(probe);
  await get(server.address, '/healthz'); // connections are taken in turn: the probe's was before it
  probe.write('GET /readyz HTTP/1.1\r\n\r\n');
  ready = false;
  const closing = server.close();
  assert.match(await received, /^HTTP\/1\.1 503 .*\nnot ready\n$/s);
  await closing;
});

test('a scraper that never ends its request does not hold up the end', async () => {
  await using server = await open();
  const scraper = await connectTo(server);
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

test('a port in use is an error that names the address', async () => {
  await using server = await open();
  await assert.rejects(open({ endpoint: server.address }), {
    code: 'EADDRINUSE',
    port: server.address.port,
  });
});
