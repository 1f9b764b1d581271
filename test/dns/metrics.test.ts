import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { DnsTransport } from '../../src/dns/responder.js';
import type { RegistryService } from '../../src/dns/service.js';
import { until } from '../../src/lab/index.js';
import { type Endpoint, endpoint } from '../../src/wire/endpoint.js';
import { assertCommonMetrics, get, sample } from '../metrics/scrape.js';
import {
  device,
  EXAMPLE,
  FIRST_NAME,
  openLocalRegistry as open,
  peer,
  query,
  rcodeOf,
  SERVICE,
} from './asking.js';
import { exchange } from './exchange.js';

const ANY_PORT = endpoint('127.0.0.1', 0);

async function scrape(service: RegistryService): Promise<string> {
  const { status, text } = await get(service.metricsAddress as Endpoint, '/metrics');
  assert.equal(status, 200);
  return text;
}

function queries(text: string, transport: DnsTransport, outcome: string): number {
  return sample(text, `dns_queries_total{transport="${transport}",outcome="${outcome}"}`);
}

test('/metrics counts queries by transport and outcome, and readings of the interface', async () => {
  let readable = true;
  const read = async () => {
    if (!readable) {
      throw new Error('gone');
    }
    return EXAMPLE;
  };
  await using service = await open({ metrics: ANY_PORT, maxAgeMs: 0 }, read);
  const [server] = service.addresses as [Endpoint];
  const ask = async (name: string, transport: DnsTransport) =>
    rcodeOf(await exchange(server, query(name, 'A'), transport));
  assert.equal(await ask(FIRST_NAME, 'udp'), 'NOERROR');
  assert.equal(await ask(FIRST_NAME, 'udp'), 'NOERROR');
  assert.equal(await ask('x.example.com', 'udp'), 'NXDOMAIN');
  assert.equal(await ask(FIRST_NAME, 'tcp'), 'NOERROR');
  assert.equal(await ask('example.org', 'tcp'), 'REFUSED');
  readable = false;
  assert.equal(await ask(FIRST_NAME, 'tcp'), 'SERVFAIL');
  await until('the connections to be over', () => service.counts().tcp.open === 0);
  for (const text of [await scrape(service), await scrape(service)]) {
    assert.deepEqual(
      ['answered', 'nxdomain', 'refused', 'servfail', 'crowded_out'].map((outcome) => [
        queries(text, 'udp', outcome),
        queries(text, 'tcp', outcome),
      ]),
      [
        [2, 1],
        [1, 0],
        [0, 1],
        [0, 1],
        [0, 0],
      ],
    );
    assert.equal(sample(text, 'dns_device_readings_total'), 7, 'one at the start, one for each');
    assert.equal(sample(text, 'dns_device_reading_failures_total'), 1);
    assert.equal(sample(text, 'dns_tcp_connections_total{outcome="accepted"}'), 3);
    assert.equal(sample(text, 'dns_tcp_connections_total{outcome="displaced"}'), 0);
    assert.equal(sample(text, 'dns_open_tcp_connections'), 0);
    assert.equal(sample(text, 'batch_size_sum'), 3);
    assertCommonMetrics(text);
  }
  const { answers } = service.counts();
  assert.deepEqual([answers.answered, answers.nxdomain, answers.servfail], [3, 1, 1]);
});

test('/metrics counts truncated replies and open connections', async () => {
  const many = device(Array.from({ length: 30 }, (_, i) => peer(i + 1, `10.9.0.${i}:51820`)));
  await using service = await open({ metrics: ANY_PORT }, async () => many);
  const [server] = service.addresses as [Endpoint];
  for (const transport of ['udp', 'tcp'] as const) {
    await exchange(server, query(SERVICE, 'PTR'), transport);
  }
  await until('the connection to be over', () => service.counts().tcp.open === 0);
  const client = connect(server.port, server.address);
  await until('the other one', () => service.counts().tcp.open === 1);
  const text = await scrape(service);
  assert.equal(sample(text, 'dns_truncated_replies_total{transport="udp"}'), 1);
  assert.equal(sample(text, 'dns_truncated_replies_total{transport="tcp"}'), 0);
  assert.equal(queries(text, 'udp', 'answered'), 1);
  assert.equal(sample(text, 'dns_open_tcp_connections'), 1);
  client.destroy();
});

test('a registry that waits for its tunnel is healthy and not ready', async () => {
  await using service = await open({ metrics: ANY_PORT, isPublic: false });
  const metrics = service.metricsAddress as Endpoint;
  assert.deepEqual(service.addresses, []);
  assert.equal((await get(metrics, '/readyz')).status, 503);
  assert.equal((await get(metrics, '/healthz')).status, 200);
  assert.equal(sample(await scrape(service), 'batch_size_count'), 0);
});

test('the metrics port is closed with the registry; in use, it leaves nothing open', async () => {
  const service = await open({ metrics: ANY_PORT });
  const metrics = service.metricsAddress as Endpoint;
  assert.equal((await get(metrics, '/readyz')).status, 200);
  const plain = await open();
  assert.equal(plain.metricsAddress, undefined);
  const [free] = plain.addresses as [Endpoint];
  await plain.close();
  const { address, port } = metrics;
  const attempt = open({ listen: [free], metrics });
  await assert.rejects(attempt, { code: 'EADDRINUSE', address, port });
  const again = await open({ listen: [free] });
  await Promise.all([again.close(), service.close()]);
  await assert.rejects(get(metrics, '/healthz'), { code: 'ECONNREFUSED' });
});
