import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab, type LabHost, until } from '../../src/lab/index.js';
import { sample } from '../metrics/scrape.js';
import { connected, namePattern, startClient, startServer } from './our-programs.js';

const METRICS = '127.0.0.1:9586';
const FETCH = 'process.stdout.write(await (await fetch(process.argv[1])).text())';

/** The metrics of the client on a host. */
function scrape(host: LabHost): Promise<string> {
  const script = ['--input-type=module', '-e', FETCH, `http://${METRICS}/metrics`];
  return host.exec(process.execPath, script);
}

describe('what a client says of its work', () => {
  it('at trace: what is sent, received, probed and decided; and the metrics count the same', async () => {
    await using lab = await createLab({ hosts: { a: { nat: 'cone' }, b: { nat: 'cone' } } });
    await startServer(lab.rendezvous);
    const [a, b] = [lab.host('a'), lab.host('b')];
    const start = (host: LabHost) =>
      startClient(host, lab.rendezvous.address, '--metrics', METRICS, '--log-level', 'trace');
    const [client, other] = [start(a), start(b)];
    await connected(lab, ['a', 'b']);
    const state = `peer ${namePattern(b.wireguard)}`;
    const isConnected = new RegExp(`${state}: connected`);
    await until('it to say so', () => isConnected.test(client.stderr));
    const log = client.stderr;
    for (const line of [
      `debug ${state}: asks the server about it`,
      'debug the server answers \\d+\\.\\d+\\.\\d+\\.\\d+:\\d+',
      'trace sent request of 64 bytes to ',
      'trace received request of 6 bytes from ',
      `trace ${state}: sent probe of \\d+ bytes to `,
      `trace ${state}: received probe of \\d+ bytes from `,
    ]) {
      assert.match(log, new RegExp(line), line);
    }
    // Of one side at the least: the other one may learn it from WireGuard.
    assert.match(log + other.stderr, /debug peer .{8}: .*sets its endpoint to /);
    const text = await scrape(a);
    assert.equal(sample(text, 'client_peers{state="connected",path="direct"}'), 1);
    assert.ok(sample(text, 'client_handshakes_total') >= 1);
    assert.equal(sample(text, 'client_server_answered'), 1);
    const server = `{server="${lab.rendezvous.address}:49918"}`;
    assert.equal(sample(text, `client_server_up${server}`), 1);
    assert.ok(sample(text, `client_server_round_trip_seconds${server}`) < 1);
    assert.match(text, /^wg_rendezvous_client_peer_round_trip_seconds\{[^}]*\} 0\.\d+$/m);
    for (const labels of ['kind="request",way="sent"', 'kind="probe",way="received"']) {
      assert.ok(sample(text, `client_datagrams_total{${labels}}`) >= 1, labels);
    }
  });
});
