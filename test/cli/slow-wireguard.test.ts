import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { until } from '../../src/lab/index.js';
import { endpoint } from '../../src/wire/endpoint.js';
import { FIRST, FIRST_NAME, query, rcodeOf } from '../dns/asking.js';
import { exchange } from '../dns/exchange.js';
import { get, sample } from '../metrics/scrape.js';
import { withWg } from '../wireguard/stand-in.js';
import { DnsServerProcess } from './server-process.js';

const ADDRESS = '127.0.0.1';

/** A `wg` that answers at once until there is a file `slow` beside it, and then after four seconds. */
const SLOW_WG = `
[ ! -e "$(dirname "$0")/slow" ] || sleep 4
printf '%s' '(none)\t${FIRST.key}\t51820\toff
${FIRST.key}\t(none)\t2.2.2.2:41424\t10.0.0.1/32\t0\t0\t0\toff
'`;

it('dns server answers from its last reading while `wg show` takes seconds, and says so once', async () => {
  await withWg(SLOW_WG, async (folder, wg) => {
    const args = ['--metrics', `${ADDRESS}:0`, '--max-age', '0.1', '--wg', wg];
    await using server = new DnsServerProcess(...args);
    const listen = endpoint(ADDRESS, await server.port());
    await server.port();
    const metrics = endpoint(ADDRESS, await server.port('metrics'));
    const ask = async () => rcodeOf(await exchange(listen, query(FIRST_NAME, 'A'), 'udp'));
    assert.equal(await ask(), 'NOERROR');
    writeFileSync(join(folder, 'slow'), '');
    const readings = async () =>
      sample((await get(metrics, '/metrics')).text, 'dns_device_readings_total');
    const before = await readings();
    await until('two slow readings', async () => {
      assert.equal(await ask(), 'NOERROR');
      return (await readings()) >= before + 2;
    });
    const { text } = await get(metrics, '/metrics');
    assert.ok(sample(text, 'dns_stale_replies_total{transport="udp"}') > 0);
    assert.equal(sample(text, 'dns_queries_total{transport="udp",outcome="servfail"}'), 0);
    server.child.kill('SIGTERM');
    const log: string[] = [];
    for (let line = await server.logLine(/./); line !== ''; line = await server.logLine(/./)) {
      log.push(line);
    }
    const said = log.filter((line) => /WireGuard/.test(line));
    assert.equal(said.length, 1, log.join('\n'));
    assert.match(
      said[0] ?? '',
      /not answered within 2 s; answers come from the last reading, for up to 60 s \(--max-stale\)/,
    );
  });
});
