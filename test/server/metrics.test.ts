import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { openService, type Service } from '../../src/server/service.js';
import { type Endpoint, endpoint } from '../../src/wire/endpoint.js';
import {
  assertCommonMetrics,
  burst,
  countAnswers,
  get,
  heard,
  sample,
  talk,
} from '../metrics/scrape.js';
import { LoopbackPeer } from './loopback-peer.js';

const ANY_PORT = endpoint('127.0.0.1', 0);

async function scrape(service: Service): Promise<string> {
  const { status, text } = await get(service.metricsAddress as Endpoint, '/metrics');
  assert.equal(status, 200);
  return text;
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

test('/metrics has the counts of the server', async () => {
  await using service = await busyService();
  const text = await scrape(service);
  assert.equal(sample(text, 'requests_total{protocol="classic",outcome="hit"}'), 3);
  assert.equal(sample(text, 'requests_total{protocol="classic",outcome="miss"}'), 1);
  assert.equal(sample(text, 'registrations_total{protocol="classic",outcome="added"}'), 2);
  assert.equal(sample(text, 'registrations_total{protocol="classic",outcome="refreshed"}'), 2);
  assert.equal(sample(text, 'registrations_total{protocol="classic",outcome="refused"}'), 0);
  assert.equal(sample(text, 'dropped_datagrams_total{cause="malformed"}'), 1);
  assert.equal(sample(text, 'dropped_datagrams_total{cause="source_rate"}'), 0);
  assert.equal(sample(text, 'expired_peers_total'), 0);
  assert.equal(sample(text, 'peers'), 2);
  assert.equal(sample(text, 'max_peers'), 5);
  assert.equal(sample(text, 'batch_size_sum'), 5);
  assertCommonMetrics(text);
});

test('a burst of requests for metrics does not keep peers from their answers', async () => {
  await using service = await openService({ listen: [ANY_PORT], metrics: ANY_PORT });
  const metrics = service.metricsAddress as Endpoint;
  await using peer = await LoopbackPeer.open('127.0.0.7');
  const bursts = Promise.all(Array.from({ length: 20 }, () => talk(metrics, burst('/metrics'))));
  for (let asked = 0; asked < 20; asked++) {
    await peer.ask(service.addresses[0]!, 1, 1);
  }
  assert.deepEqual((await bursts).map(countAnswers), Array<number>(20).fill(1));
});

test('while the service closes, /readyz answers 503', async () => {
  const service = await openService({ listen: [ANY_PORT], metrics: ANY_PORT });
  const metrics = service.metricsAddress as Endpoint;
  const probe = connect(metrics.port, metrics.address);
  const answer = heard(probe);
  await once(probe, 'connect');
  assert.equal((await get(metrics, '/readyz')).status, 200);
  probe.write('GET /readyz HTTP/1.1\r\n\r\n');
  await service.close();
  assert.match(await answer, /^HTTP\/1\.1 503 /);
});

test('counters do not add up from scrape to scrape', async () => {
  await using service = await busyService();
  await scrape(service);
  const text = await scrape(service);
  assert.equal(sample(text, 'requests_total{protocol="classic",outcome="hit"}'), 3);
  assert.equal(sample(text, 'peers'), 2);
});

test('the metrics port is closed with the service, scrapers or not', async () => {
  const service = await openService({ listen: [ANY_PORT], metrics: ANY_PORT });
  const metrics = service.metricsAddress as Endpoint;
  assert.equal((await get(metrics, '/readyz')).status, 200);
  await service.close();
  await assert.rejects(get(metrics, '/healthz'), { code: 'ECONNREFUSED' });
});

test('without the option there is no metrics server', async () => {
  await using service = await openService({ listen: [ANY_PORT] });
  assert.equal(service.metricsAddress, undefined);
});
