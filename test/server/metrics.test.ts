import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { openMetricsServer } from '../../src/server/metrics-server.js';
import { openService, type Service } from '../../src/server/service.js';
import { type Endpoint, endpoint } from '../../src/wire/endpoint.js';
import { until } from '../native/deadline.js';
import { LoopbackPeer } from './loopback-peer.js';

const ANY_PORT = endpoint('127.0.0.1', 0);
const TIMEOUT_MS = 10_000;

interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly text: string;
}

function get(service: Service, path: string, method = 'GET'): Promise<Answer> {
  return getFrom(service.metricsAddress!, path, method);
}

function getFrom({ address, port }: Endpoint, path: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: address, port, path, method, timeout: TIMEOUT_MS, agent: false },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () =>
          resolve({ status: answer.statusCode, type: answer.headers['content-type'], text }),
        );
      },
    );
    asked.on('error', reject);
    asked.on('timeout', () => asked.destroy(new Error('no answer over HTTP')));
    asked.end();
  });
}

/** The value of a sample, by its name and labels as they stand in the text. */
function sample(text: string, name: string): number {
  const line = text.split('\n').find((it) => it.startsWith(`wg_rendezvous_${name} `));
  assert.ok(line, `${name} in:\n${text}`);
  return Number(line.split(' ')[1]);
}

async function busyService(): Promise<Service> {
  const service = await openService({
    listen: [ANY_PORT],
    metrics: ANY_PORT,
    maxPeers: 5,
    sourceRate: 1,
    sourceBurst: 10,
  });
  const server = service.addresses[0]!;
  await using a = await LoopbackPeer.open('127.0.0.7');
  await using b = await LoopbackPeer.open('127.0.0.8');
  await a.ask(server, 1, 2); // added, miss
  await b.ask(server, 2, 1); // added, hit
  await b.ask(server, 2, 1); // refreshed, hit
  await b.send(server, new Uint8Array(63));
  await a.ask(server, 1, 2); // refreshed, hit: what was sent before it is counted
  return service;
}

test('/metrics tells what the server did', async () => {
  await using service = await busyService();
  const { status, type, text } = await get(service, '/metrics');
  assert.equal(status, 200);
  assert.match(type ?? '', /^text\/plain; version=0\.0\.4/);
  assert.equal(sample(text, 'requests_total{protocol="classic",outcome="hit"}'), 3);
  assert.equal(sample(text, 'requests_total{protocol="classic",outcome="miss"}'), 1);
  assert.equal(sample(text, 'registrations_total{protocol="classic",outcome="added"}'), 2);
  assert.equal(sample(text, 'registrations_total{protocol="classic",outcome="refreshed"}'), 2);
  assert.equal(sample(text, 'registrations_total{protocol="classic",outcome="refused"}'), 0);
  assert.equal(sample(text, 'dropped_datagrams_total{cause="malformed"}'), 1);
  assert.equal(sample(text, 'dropped_datagrams_total{cause="source_rate"}'), 0);
  assert.equal(sample(text, 'dropped_datagrams_total{cause="receive_buffer"}'), 0);
  assert.equal(sample(text, 'dropped_datagrams_total{cause="send_queue"}'), 0);
  assert.equal(sample(text, 'expired_peers_total'), 0);
  assert.equal(sample(text, 'peers'), 2);
  assert.equal(sample(text, 'max_peers'), 5);
  assert.equal(sample(text, 'batch_size_sum'), 5);
  assert.equal(sample(text, 'batch_size_bucket{le="+Inf"}'), sample(text, 'batch_size_count'));
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds /m);
  assert.match(text, /^process_cpu_seconds_total /m);
  assert.match(text, /^process_resident_memory_bytes /m);
});

test('counters do not add up from scrape to scrape', async () => {
  await using service = await busyService();
  await get(service, '/metrics');
  const { text } = await get(service, '/metrics');
  assert.equal(sample(text, 'requests_total{protocol="classic",outcome="hit"}'), 3);
  assert.equal(sample(text, 'peers'), 2);
});

test('/healthz and /readyz answer; other paths and methods are refused', async () => {
  await using service = await openService({ listen: [ANY_PORT], metrics: ANY_PORT });
  assert.equal((await get(service, '/healthz')).status, 200);
  assert.equal((await get(service, '/readyz?probe=1')).status, 200);
  assert.equal((await get(service, '/')).status, 404);
  assert.equal((await get(service, '/metrics', 'POST')).status, 405);
  const head = await get(service, '/healthz', 'HEAD');
  assert.deepEqual([head.status, head.text], [200, '']);
});

test('the metrics port is closed with the service, scrapers or not', async () => {
  const service = await openService({ listen: [ANY_PORT], metrics: ANY_PORT });
  await get(service, '/healthz');
  await service.close();
  await assert.rejects(get(service, '/healthz'), { code: 'ECONNREFUSED' });
});

test('a scraper that never ends its request does not hold up the end', async () => {
  const service = await openService({ listen: [ANY_PORT], metrics: ANY_PORT });
  const { address, port } = service.metricsAddress!;
  const scraper = connect(port, address);
  scraper.on('error', () => {}); // it is to be cut off
  await once(scraper, 'connect');
  scraper.write('GET /metrics HTTP/1.1\r\nX: ');
  const drip = setInterval(() => scraper.write('x'), 50);
  let closed = false;
  const closing = service.close().then(() => {
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

test('while it closes, it is healthy and not ready', async () => {
  const empty = await openService({ listen: [] });
  const server = await openMetricsServer(ANY_PORT, () => empty.counts());
  server.stopReady();
  assert.equal((await getFrom(server.address, '/readyz')).status, 503);
  assert.equal((await getFrom(server.address, '/healthz')).status, 200);
  await server.close();
  await empty.close();
});

test('without the option there is no metrics server', async () => {
  await using service = await openService({ listen: [ANY_PORT] });
  assert.equal(service.metricsAddress, undefined);
});
