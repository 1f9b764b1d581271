import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ClientMetrics, type MeasuredClient } from '../../src/cli/client-metrics.js';
import type { PeerView } from '../../src/client/peer-track.js';
import type { ServerView } from '../../src/client/status/status.js';
import { traceDatagram } from '../../src/client/trace.js';
import { endpoint, parseEndpoint } from '../../src/wire/endpoint.js';
import { formatPublicKey, publicKey } from '../../src/wire/key.js';
import { get, sample } from '../metrics/scrape.js';
import { enterOwnNetwork } from '../own-network.js';
import { withWg } from '../wireguard/stand-in.js';
import { ClientProcess, clientArguments, TWO_PEERS } from './client-process.js';
import { runCommand } from './run-command.js';
import { ServerProcess } from './server-process.js';

await enterOwnNetwork();

const DASHBOARD = fileURLToPath(new URL('../../../docs/grafana.json', import.meta.url));
const SERVICES = fileURLToPath(new URL('../../../docs/services.md', import.meta.url));
const ADDRESS = '127.0.0.1';

function peer(n: number, fields: Partial<PeerView>): PeerView {
  const key = publicKey(new Uint8Array(32).fill(n));
  return {
    publicKey: key,
    name: `peer-${n}`,
    endpoint: undefined,
    state: 'unknown',
    handshakeAgeMs: undefined,
    answer: 'unknown',
    unknownForMs: 0,
    offers: [],
    path: undefined,
    roundTripMs: undefined,
    ...fields,
  };
}

function server(host: string, state: ServerView['state'], roundTripMs?: number): ServerView {
  return { name: `${host}:49918`, protocol: 'sealed', state, roundTripMs };
}

const at = (text: string, path: PeerView['path'] = 'direct') =>
  ({ endpoint: parseEndpoint(text), state: 'connected', path }) as const;

function setUp(peers: PeerView[], more: Partial<MeasuredClient> = {}) {
  const servers = [server('rv1', 'answers', 25), server('rv2', 'silent')];
  const client = { peers, servers, hasAnswered: true, ...more };
  const clock = { now: 1_000_000 };
  const metrics = new ClientMetrics(client, () => clock.now);
  return { metrics, clock, text: () => metrics.registry().metrics() };
}

describe('the metrics of a client', () => {
  it('count peers by state and path, all of them from the start', async () => {
    const { text } = setUp([
      peer(1, at('192.168.1.5:51820', 'lan')),
      peer(2, at('198.51.100.2:51820')),
      peer(3, at('[2001:db8::3]:51820')),
      peer(4, at('198.51.100.4:9', 'relay')),
      peer(5, { state: 'connecting' }),
    ]);
    const found = await text();
    const count = (state: string, path: string) =>
      sample(found, `client_peers{state="${state}",path="${path}"}`);
    assert.deepEqual(
      ['lan', 'direct', 'hard-nat', 'relay'].map((path) => count('connected', path)),
      [1, 2, 0, 1],
    );
    const others = ['connecting', 'unknown', 'asking'].map((state) => count(state, 'none'));
    assert.deepEqual(others, [1, 0, 0]);
  });

  it('have round trips and ages of handshakes, by name and key', async () => {
    const { text } = setUp([
      peer(1, { ...at('192.0.2.1:5'), roundTripMs: 40, handshakeAgeMs: 2500 }),
    ]);
    const labels = `{peer="peer-1",public_key="${formatPublicKey(peer(1, {}).publicKey)}"}`;
    const found = await text();
    assert.equal(sample(found, `client_peer_round_trip_seconds${labels}`), 0.04);
    assert.equal(sample(found, `client_peer_handshake_age_seconds${labels}`), 2.5);
    const [one, other] = ['{server="rv1:49918"}', '{server="rv2:49918"}'];
    assert.equal(sample(found, `client_server_round_trip_seconds${one}`), 0.025);
    assert.ok(!found.includes(`client_server_round_trip_seconds${other}`));
    assert.equal(sample(found, `client_server_up${one}`), 1);
    assert.equal(sample(found, `client_server_up${other}`), 0);
    assert.equal(sample(found, 'client_server_answered'), 1);
  });

  it('count handshakes since the start, changes, problems and datagrams', async () => {
    const { metrics, clock, text } = setUp([]);
    const seen = (handshakeAgeMs: number | undefined) =>
      metrics.observe({ type: 'peers', peers: [peer(1, { handshakeAgeMs })] });
    seen(undefined);
    seen(300);
    clock.now += 60_000;
    seen(60_300);
    seen(59_900);
    clock.now += 60_000;
    seen(100);
    metrics.observe({ type: 'changed', peer: { publicKey: peer(1, {}).publicKey } });
    metrics.observe({ type: 'problem', topic: 'server', text: 'x' });
    metrics.observe({ type: 'problem', topic: 'name', text: 'x' });
    metrics.observe({ type: 'solved', topic: 'name' });
    const to = endpoint('192.0.2.1', 5);
    traceDatagram({ way: 'sent', kind: 'probe', endpoint: to, bytes: 40 });
    traceDatagram({ way: 'sent', kind: 'probe', endpoint: to, bytes: 40 });
    const found = await text();
    assert.equal(sample(found, 'client_handshakes_total'), 2);
    assert.equal(sample(found, 'client_changes_total'), 1);
    assert.equal(sample(found, 'client_problems{topic="server"}'), 1);
    assert.doesNotMatch(found, /topic="name"/);
    assert.equal(sample(found, 'client_datagrams_total{kind="probe",way="sent"}'), 2);
    assert.equal(sample(found, 'client_datagram_bytes_total{kind="probe",way="sent"}'), 80);
    assert.equal(sample(found, 'client_datagrams_total{kind="request",way="received"}'), 0);
    assert.doesNotMatch(found, /client_relay_bytes/);
  });

  it('have the bytes that a relay carried, if there is one', async () => {
    const { text } = setUp([], { relayedBytes: { sent: 7, received: 9 } });
    assert.equal(sample(await text(), 'client_relay_bytes_total{way="received"}'), 9);
  });
});

describe('docs/services.md', () => {
  it('has each metric of a client, with its labels', async () => {
    const measured = peer(1, { ...at('192.0.2.1:5'), roundTripMs: 40, handshakeAgeMs: 2500 });
    const { metrics, text } = setUp([measured], { relayedBytes: { sent: 1, received: 1 } });
    metrics.observe({ type: 'problem', topic: 'server', text: 'x' });
    const served = new Map<string, string>();
    const samples = /^wg_rendezvous_client_(\w+)(?:\{(.*)\})? /gm;
    for (const [, name, labels = ''] of (await text()).matchAll(samples)) {
      served.set(name!, (labels.match(/(?<=^|,)\w+(?==")/g) ?? []).join());
    }
    assert.ok(served.size > 10);
    const [, section = ''] =
      /^## Metrics\n([\s\S]*?)^## /m.exec(readFileSync(SERVICES, 'utf8')) ?? [];
    const first = section.split('\n').flatMap((line) => /^\| (`.*?) \|/.exec(line)?.[1] ?? []);
    const named = [...first.join().matchAll(/`(\w+)(?:\{(.*?)\})?`/g)];
    const described = named.map(([, name, labels = '']) => [name!, labels] as const);
    assert.deepEqual(described.sort(), [...served].sort());
  });
});

describe('client --metrics', () => {
  it('serves them, and is ready', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      const args = clientArguments(wg, '--metrics', `${ADDRESS}:0`);
      await using client = new ClientProcess(args);
      await client.until(() => /metrics on .*:\d+\n/.test(client.stdout));
      await client.until(() => client.stderr.includes('peer'));
      const port = Number(/metrics on 127\.0\.0\.1:(\d+)/.exec(client.stdout)?.[1]);
      const { text } = await get(endpoint(ADDRESS, port), '/metrics');
      assert.equal(sample(text, 'client_peers{state="connected",path="direct"}'), 1);
      assert.match(text, /^process_cpu_seconds_total /m);
      assert.equal((await get(endpoint(ADDRESS, port), '/readyz')).status, 200);
      assert.deepEqual(await client.stop(), [0, null]);
    }));

  it('a port in use is one line', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      const taken = createServer().listen(0, ADDRESS);
      await new Promise((resolve) => taken.once('listening', resolve));
      const { port } = taken.address() as { port: number };
      const { code, stderr } = await runCommand(
        clientArguments(wg, '--metrics', `${ADDRESS}:${port}`, '--log-level', 'silent'),
      );
      taken.close();
      assert.equal(code, 2);
      assert.match(stderr, /^error: cannot listen on [^\n]* the port is in use[^\n]*\n$/);
    }));
});

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
}

/** The metrics of a query, and of each the labels that it selects or groups by. */
function metricsOf(expr: string): string[] {
  return expr.match(/\b(?:wg_rendezvous|process|nodejs)_[a-z0-9_]+/g) ?? [];
}

describe('docs/grafana.json', () => {
  const { panels, uid, templating } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
    readonly panels: readonly Panel[];
    readonly uid: string;
    readonly templating: { readonly list: readonly { readonly name: string }[] };
  };
  const exprs = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

  it('has panels that do not overlap, each with queries', () => {
    assert.equal(uid, 'wg-rendezvous');
    assert.ok(templating.list.some(({ name }) => name === 'datasource'));
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const taken = new Set<string>();
    for (const { type, title, targets = [], gridPos } of panels) {
      assert.ok(type === 'row' || targets.length > 0, title);
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(!taken.has(`${x} ${y}`), `${title} overlaps at ${x} ${y}`);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });

  it('asks for metrics and labels that a server and a client have', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-metrics-'));
    after(() => rmSync(folder, { recursive: true }));
    const key = ['--key', join(folder, 'key')];
    // Nothing listens at the store's address: the server goes on without it.
    const options = ['--relay', '--store', `unix:${join(folder, 'no-store')}`];
    await using server = new ServerProcess('--metrics', `${ADDRESS}:0`, ...key, ...options);
    await server.port();
    await server.port();
    const port = await server.port('metrics');
    const served = (await get(endpoint(ADDRESS, port), '/metrics')).text;
    const measured = peer(1, { ...at('192.0.2.1:5'), roundTripMs: 40, handshakeAgeMs: 2500 });
    const { metrics, text } = setUp([measured], { relayedBytes: { sent: 1, received: 1 } });
    metrics.observe({ type: 'problem', topic: 'server', text: 'x' });
    const exposition = `${served}\n${await text()}`;
    const asked = exprs.flatMap(metricsOf);
    assert.ok(asked.length > 15);
    for (const name of new Set(asked)) {
      assert.match(exposition, new RegExp(`^${name}[ {]`, 'm'), `${name} exists`);
    }
    for (const expr of exprs) {
      const names = metricsOf(expr);
      const lines = exposition
        .split('\n')
        .filter((line) => names.some((it) => line.startsWith(it)));
      const labels = new Set(lines.join('\n').match(/[a-z_]+(?==")/g));
      for (const [, list] of expr.matchAll(/by \(([^)]*)\)/g)) {
        for (const label of list!.split(/, */).filter((it) => !['instance', 'job'].includes(it))) {
          assert.ok(labels.has(label), `label ${label} of ${expr}`);
        }
      }
      for (const [, label, value] of expr.matchAll(/([a-z_]+)=~?"([^"$]+)"/g)) {
        const values = value!.split('|');
        for (const one of values) {
          assert.ok(
            lines.some((line) => line.includes(`${label}="${one}"`)),
            `${label}="${one}" of ${expr}`,
          );
        }
      }
    }
  });
});
