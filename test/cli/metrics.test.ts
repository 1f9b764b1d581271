import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { type Endpoint, endpoint } from '../../src/wire/endpoint.js';
import { FIRST, FIRST_NAME, query } from '../dns/asking.js';
import { exchange } from '../dns/exchange.js';
import { assertCommonMetrics, get, sample } from '../metrics/scrape.js';
import { withWg } from '../wireguard/stand-in.js';
import { runCommand } from './run-command.js';
import { DnsServerProcess, ServerProcess } from './server-process.js';

const ADDRESS = '127.0.0.1';
const ANY_PORT = ['--metrics', `${ADDRESS}:0`];

/** What `wg show wg-test dump` prints: a device without private key, and one peer. */
const DUMP = `(none)\t${FIRST.key}\t51820\toff
${FIRST.key}\t(none)\t2.2.2.2:41424\t10.0.0.1/32\t0\t0\t0\toff
`;
const WG = `printf '%s' '${DUMP}'`;

/** Reads where a server listens over IPv4, and where it has its metrics. */
async function started(server: ServerProcess): Promise<{ listen: Endpoint; metrics: Endpoint }> {
  const [listen] = [await server.port(), await server.port()];
  const metrics = await server.port('metrics');
  return { listen: endpoint(ADDRESS, listen), metrics: endpoint(ADDRESS, metrics) };
}

async function scrape(metrics: Endpoint): Promise<string> {
  assert.equal((await get(metrics, '/healthz')).status, 200);
  assert.equal((await get(metrics, '/readyz')).status, 200);
  const { text } = await get(metrics, '/metrics');
  assertCommonMetrics(text);
  return text;
}

async function stop(server: ServerProcess): Promise<void> {
  server.child.kill('SIGTERM');
  assert.match(await server.line(), /^counts: /);
  assert.deepEqual(await once(server.child, 'close'), [0, null]);
}

describe('--metrics', () => {
  it('of server: prints its address, and serves its counts until it stops', async () => {
    await using server = new ServerProcess(...ANY_PORT, '--receive-buffer', '100000');
    const { metrics } = await started(server);
    const text = await scrape(metrics);
    assert.equal(sample(text, 'max_peers'), 65_536);
    assert.equal(sample(text, 'receive_buffer_bytes'), 200_000, 'the kernel doubles it');
    assert.equal(sample(text, 'send_buffer_bytes'), 2 ** 26, 'enough for all of a /24');
    await stop(server);
    await assert.rejects(get(metrics, '/healthz'), { code: 'ECONNREFUSED' });
  });

  it('of dns server: the same, by transport', () =>
    withWg(WG, async (_folder, wg) => {
      await using server = new DnsServerProcess(
        '--wg',
        wg,
        ...ANY_PORT,
        '--receive-buffer',
        '100000',
      );
      const { listen, metrics } = await started(server);
      for (const transport of ['udp', 'tcp'] as const) {
        const { answers } = await exchange(listen, query(FIRST_NAME, 'A'), transport);
        assert.equal(answers?.length, 1);
      }
      const text = await scrape(metrics);
      assert.equal(sample(text, 'receive_buffer_bytes'), 200_000);
      for (const transport of ['udp', 'tcp']) {
        const name = `dns_queries_total{transport="${transport}",outcome="answered"}`;
        assert.equal(sample(text, name), 1);
      }
      await stop(server);
      await assert.rejects(get(metrics, '/healthz'), { code: 'ECONNREFUSED' });
    }));

  it('a port in use is one line, of either', () =>
    withWg(WG, async (_folder, wg) => {
      await using server = new ServerProcess(...ANY_PORT);
      const { port } = (await started(server)).metrics;
      for (const command of [
        ['server'],
        [
          'dns',
          'server',
          '--zone',
          'example.com',
          '--interface',
          'wg-test',
          '--public',
          '--wg',
          wg,
        ],
      ]) {
        const at = ['--listen', `${ADDRESS}:0`, '--metrics', `${ADDRESS}:${port}`];
        const { code, stdout, stderr } = await runCommand([...command, ...at]);
        assert.deepEqual([code, stdout], [2, '']);
        const said = `error: cannot listen on ${ADDRESS}:${port} (EADDRINUSE): the port is in use; `;
        assert.ok(stderr.startsWith(said), stderr);
        assert.equal(stderr.split('\n').length, 2, 'one line');
      }
    }));
});
