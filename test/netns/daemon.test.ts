import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab, type Lab, until } from '../../src/lab/index.js';
import { PROGRAM } from '../cli/run-command.js';
import {
  connected,
  handshakes,
  namePattern,
  spawnCommand,
  startClient,
  startServer,
} from './our-programs.js';

const HOSTS = { a: { nat: 'cone' }, b: { nat: 'cone' } } as const;
const CHANGE_TIMEOUT_MS = 30_000;

async function startAll(lab: Lab<'a' | 'b'>) {
  await startServer(lab.rendezvous);
  const [a, b] = (['a', 'b'] as const).map((name) =>
    startClient(lab.host(name), lab.rendezvous.address),
  );
  return { a: a as NonNullable<typeof a>, b: b as NonNullable<typeof b> };
}

describe('a client that keeps running', { concurrency: 3 }, () => {
  it('waits for its interface, and goes on when it was deleted and recreated', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const { a } = await startAll(lab);
    await connected(lab, ['a', 'b']);
    await lab.host('a').wireguard.remove();
    await until('the client to miss it', () => /there is no interface/.test(a.stderr));
    await lab.host('a').wireguard.create();
    await connected(lab, ['a', 'b']);
    // b's WireGuard may have brought the tunnel up before our client looked again.
    await until('the client to see it', () => /the interface can be used again/.test(a.stderr));
    assert.ok(a.running);
  });

  // b is public: behind a NAT of its own it would hear the new port only when it asks the server again,
  // which it does when its handshake is 150 s old.
  it('follows a changed listen port', async () => {
    await using lab = await createLab({ hosts: { a: { nat: 'cone' }, b: { nat: 'none' } } });
    await startAll(lab);
    await handshakes(lab, ['a', 'b']);
    const { wireguard } = lab.host('a');
    await wireguard.setListenPort(51999);
    await using fromNewPort = await lab.host('a').cable.count({
      direction: 'outbound',
      sourcePort: 51999,
      destinationPort: 49918,
    });
    const sent = async () => (await fromNewPort.packets()) > 0;
    await until('a request from the new port', sent, { timeoutMs: CHANGE_TIMEOUT_MS });
    await connected(lab, ['a', 'b']);
    const endpoint = await lab.host('b').wireguard.endpointOf(wireguard.publicKey);
    assert.equal(endpoint?.port, 51999);
  });

  it('follows a changed fwmark', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startAll(lab);
    await handshakes(lab, ['a', 'b']);
    const host = lab.host('a');
    await host.nft(`
      table inet marks {
        counter marked { }
        chain out {
          type filter hook output priority 0
          udp dport 49918 meta mark 77 counter name marked
        }
      }`);
    await host.exec('wg', ['set', host.wireguard.interface, 'fwmark', '77']);
    await until(
      'a marked request',
      async () => {
        const text = await host.exec('nft', ['list', 'counter', 'inet', 'marks', 'marked']);
        return !text.includes('packets 0 ');
      },
      { timeoutMs: CHANGE_TIMEOUT_MS },
    );
  });

  it('notices peers that are added and removed', async () => {
    await using lab = await createLab({ hosts: HOSTS, peers: false });
    const { a } = await startAll(lab);
    await until('the complaint', () => /has no peers/.test(a.stderr));
    const [first, second] = [lab.host('a').wireguard, lab.host('b').wireguard];
    const peerOf = (device: typeof first) => ({
      publicKey: device.publicKey,
      allowedIps: [`${device.tunnelAddress}/32`],
    });
    await first.setPeer(peerOf(second));
    await second.setPeer(peerOf(first));
    await connected(lab, ['a', 'b']);
    await first.removePeer(second.publicKey);
    await until('no peers again', () => (a.stderr.match(/has no peers/g)?.length ?? 0) === 2);
    await until('the end of the peer', () => /no longer managed/.test(a.stderr));
    assert.deepEqual(await first.show('endpoints'), new Map());
  });

  it('never brings a removed peer back, not even for a reply under way', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const server = lab.rendezvous;
    await startServer(server);
    startClient(lab.host('b'), server.address);
    const { wireguard } = lab.host('a');
    const silence = await lab.host('a').cable.block({ direction: 'inbound', sourcePort: 49918 });
    const client = startClient(lab.host('a'), server.address);
    await until('requests', async () => (await silence.packets()) >= 2);
    await wireguard.removePeer(lab.host('b').wireguard.publicKey);
    await silence.remove();
    await until('the client to see it', () => /has no peers/.test(client.stderr));
    assert.deepEqual(await wireguard.show('endpoints'), new Map());
  });

  it('leaves the endpoint of a peer with a fresh handshake alone, and adds a keepalive', async () => {
    await using lab = await createLab({ hosts: { a: { nat: 'none' }, b: { nat: 'symmetric' } } });
    const [a, b] = [lab.host('a'), lab.host('b')];
    await b.wireguard.setPeer({
      publicKey: a.wireguard.publicKey,
      allowedIps: [`${a.wireguard.tunnelAddress}/32`],
      endpoint: `${a.address}:${a.wireguard.listenPort}`,
      keepaliveSeconds: 1,
    });
    await handshakes(lab, ['a', 'b']);
    const roamed = await a.wireguard.endpointOf(b.wireguard.publicKey);
    await startAll(lab);
    await using replies = await a.cable.count({ direction: 'inbound', sourcePort: 49918 });
    await until('the server to answer', async () => (await replies.packets()) > 0, {
      timeoutMs: CHANGE_TIMEOUT_MS,
    });
    await until('the mapping for the server', async () => lab.mappedEndpoint('b', 'rv'));
    assert.notDeepEqual(await lab.mappedEndpoint('b', 'rv'), roamed, 'the server says otherwise');
    assert.deepEqual(await a.wireguard.endpointOf(b.wireguard.publicKey), roamed);
    const keepalive = await a.wireguard.show('persistent-keepalive');
    assert.equal(keepalive.get(b.wireguard.publicKey), '25');
  });

  it('keeps an existing keepalive, and sets 25 s if there is none', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const [a, b] = [lab.host('a').wireguard, lab.host('b').wireguard];
    await lab
      .host('a')
      .exec('wg', [...['set', a.interface, 'peer', b.publicKey], ...['persistent-keepalive', '7']]);
    await startAll(lab);
    await connected(lab, ['a', 'b']);
    assert.equal((await a.show('persistent-keepalive')).get(b.publicKey), '7');
    // The client sets it when it has seen the handshake.
    await until(
      'a keepalive of 25 s',
      async () => (await b.show('persistent-keepalive')).get(a.publicKey) === '25',
    );
  });

  it('manages only the given peers, with the given keepalive', async () => {
    await using lab = await createLab({ hosts: { ...HOSTS, c: { nat: 'none' } } });
    await startServer(lab.rendezvous);
    const [a, b, c] = (['a', 'b', 'c'] as const).map((name) => lab.host(name));
    for (const host of [b, c]) {
      startClient(host as NonNullable<typeof host>, lab.rendezvous.address);
    }
    const device = lab.host('a').wireguard;
    const only = ['--peer', lab.host('b').wireguard.publicKey, '--keepalive', '9'];
    const client = startClient(a as NonNullable<typeof a>, lab.rendezvous.address, ...only);
    await handshakes(lab, ['a', 'b']);
    // The side that does not start the handshake sets it afterwards.
    await until('the keepalive', async () => {
      const keepalives = await device.show('persistent-keepalive');
      return keepalives.get(lab.host('b').wireguard.publicKey) === '9';
    });
    assert.ok(!client.stderr.includes(lab.host('c').wireguard.publicKey.slice(0, 8)));
  });

  it('shows a live table on a terminal', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const [a, b] = [lab.host('a'), lab.host('b')];
    startClient(b, lab.rendezvous.address);
    const onTerminal = 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))';
    const command = [process.execPath, PROGRAM, 'client', a.wireguard.interface];
    const client = a.spawn('python3', ['-c', onTerminal, ...command, lab.rendezvous.address]);
    await client.waitForOutput(/peer +path +endpoint/);
    const name = namePattern(b.wireguard);
    const style = '(\\u001b\\[\\d+m)?';
    await client.waitForOutput(
      new RegExp(`${name} +${style}direct *${style} +198\\.51\\.100\\.\\d+:51820`),
      { timeoutMs: CHANGE_TIMEOUT_MS },
    );
    assert.doesNotMatch(client.stdout, /info {2}peer/, 'and no log lines');
  });

  it('leaves WireGuard as it is on SIGTERM', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const { a } = await startAll(lab);
    await connected(lab, ['a', 'b']);
    const before = await lab.host('a').wireguard.show('endpoints');
    assert.deepEqual(await a.stop(), { code: 0, signal: null });
    assert.deepEqual(await lab.host('a').wireguard.show('endpoints'), before);
    assert.ok(await lab.ping('a', 'b', { timeoutMs: 5_000 }));
  });
});

describe('a client that runs once', { concurrency: 3 }, () => {
  it('exits 0 when every peer is connected, and says so on stdout', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    startClient(lab.host('b'), lab.rendezvous.address);
    const client = startClient(lab.host('a'), lab.rendezvous.address, '--once');
    assert.deepEqual(await client.exited, { code: 0, signal: null });
    const name = lab.host('b').wireguard.publicKey.slice(0, 8);
    assert.ok(client.stdout.startsWith(`${name} connected `), client.stdout);
    assert.ok(await lab.ping('a', 'b', { timeoutMs: 5_000 }));
  });

  it('exits 3 when the time is over, and says which peers lack a handshake and why', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const { wireguard } = lab.host('a');
    const missing = `${'A'.repeat(42)}8=`;
    const other = lab.host('b').wireguard.publicKey;
    const limit = ['--once', '--timeout', '2', '--peer', other, '--peer', missing];
    const client = startClient(lab.host('a'), lab.rendezvous.address, ...limit);
    assert.deepEqual(await client.exited, { code: 3, signal: null });
    assert.match(client.stderr, new RegExp(`${wireguard.interface} has no peer A{42}8=`));
    const said = client.stderr.split('\n').filter((line) => line.includes('no fresh handshake'));
    assert.equal(said.length, 1);
    assert.ok(said[0]?.includes(other.slice(0, 8)));
    assert.match(said[0] as string, /the server does not know it/);
  });

  it('reports the problem of each state of the interface', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const host = lab.host('a');
    const name = host.wireguard.interface;
    const complaint = async (args: readonly string[]) => {
      const limit = ['--once', '--timeout', '0'];
      const client = spawnCommand(host, 'client', ...args, lab.rendezvous.address, ...limit);
      assert.equal((await client.exited).code, 3);
      return client.stderr;
    };
    assert.match(await complaint(['wg-none']), /there is no interface wg-none/);
    assert.match(await complaint(['eth0']), /eth0 is not a WireGuard interface/);
    await host.ip([`link set ${name} down`]);
    assert.match(await complaint([name]), new RegExp(`${name} is down`));
    await host.ip([`link set ${name} up`]);
    await host.wireguard.removePeer(lab.host('b').wireguard.publicKey);
    assert.match(await complaint([name]), new RegExp(`${name} has no peers`));
    await host.exec('wg', ['set', name, 'private-key', '/dev/null']);
    assert.match(await complaint([name]), new RegExp(`${name} has no private key`));
  });

  it('without root says in one line which privilege it needs', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const host = lab.host('a');
    const command = [process.execPath, PROGRAM, 'client', host.wireguard.interface, '127.0.0.1'];
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const noRawSockets = ['--bounding-set=-net_raw', '--inh-caps=-net_raw'];
    for (const [privileges, capability] of [
      [nobody, 'CAP_NET_ADMIN'],
      [noRawSockets, 'CAP_NET_RAW'],
    ] as const) {
      const client = host.spawn('setpriv', [...privileges, ...command]);
      assert.deepEqual(await client.exited, { code: 1, signal: null });
      assert.match(client.stderr, new RegExp(`^error: [^\\n]*${capability}[^\\n]*\\n$`));
    }
  });

  it('logs one JSON object per line', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    startClient(lab.host('b'), lab.rendezvous.address);
    const flags = ['--once', '--log-format', 'json'];
    const client = startClient(lab.host('a'), lab.rendezvous.address, ...flags);
    assert.equal((await client.exited).code, 0);
    const entries = client.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const last = entries.at(-1);
    assert.equal(last?.['state'], 'connected');
    assert.equal(last?.['peer'], lab.host('b').wireguard.publicKey);
    assert.equal(typeof last?.['endpoint'], 'string');
  });
});
