import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { createLab, type Lab, type LabHost, until } from '../../src/lab/index.js';
import { generateKeyPair } from '../../src/sealed/key-pair.js';
import { formatPublicKey } from '../../src/wire/key.js';
import { connected, handshakes, spawnCommand, startClient, startServer } from './our-programs.js';
import { SealedServer, said } from './sealed-programs.js';

/** Two hosts behind NATs, and a third that is a server like the rendezvous host. */
const HOSTS = {
  a: { nat: 'cone' },
  b: { nat: 'cone' },
  c: { nat: 'none', wireguard: false },
} as const;
type Names = keyof typeof HOSTS;

const PORT = 50_000;
/** Against clients that wait for a dead server, which takes them 2 s at the least. */
const DELAY_MS = 1000;
/** The interface is read every 2 s, and the way to the peer checked every 5 s. */
const MOVE_DELAY_MS = 8000;

class TwoServers implements AsyncDisposable {
  private constructor(
    readonly lab: Lab<Names>,
    readonly first: SealedServer,
    readonly second: SealedServer,
  ) {}

  /** @param args of both servers */
  static async start(hosts = HOSTS, ...args: string[]): Promise<TwoServers> {
    const lab = await createLab({ hosts });
    const first = await SealedServer.start(lab, ...args);
    const listen = ['--listen', `0.0.0.0:${PORT}`, '--listen', `[::]:${PORT}`];
    const second = await SealedServer.startOn(lab.host('c'), ...listen, ...args);
    return new TwoServers(lab, first, second);
  }

  get firstName(): string {
    return `${this.first.key}@${this.first.address}`;
  }

  get secondName(): string {
    return `${this.second.key}@${this.second.address}:${PORT}`;
  }

  /** Starts a client with both servers. */
  client(name: 'a' | 'b', ...args: string[]) {
    return startClient(this.lab.host(name), this.firstName, this.secondName, ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.first[Symbol.asyncDispose]();
    await this.second[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
  }
}

/** Milliseconds from the start of b's client until both hosts have had their handshake. */
async function timeToConnect(lab: Lab<Names>, startB: () => unknown): Promise<number> {
  const begin = performance.now();
  startB();
  await handshakes(lab, ['a', 'b']);
  return performance.now() - begin;
}

/** Milliseconds from a change of b's port until a's WireGuard sends to it. */
async function timeToFollow(lab: Lab<Names>): Promise<number> {
  const { wireguard } = lab.host('b');
  const begin = performance.now();
  await wireguard.setListenPort(51_999);
  await until(
    'a follows b',
    async () => (await lab.host('a').wireguard.endpointOf(wireguard.publicKey))?.port === 51_999,
    { timeoutMs: 60_000 },
  );
  return performance.now() - begin;
}

interface ServerStatus {
  readonly name: string;
  readonly state: string;
  readonly roundTripMs?: number;
}

async function serversOf(host: LabHost): Promise<ServerStatus[]> {
  const status = spawnCommand(host, 'status', host.wireguard.interface, '--json');
  assert.deepEqual(await status.exited, { code: 0, signal: null }, status.stderr);
  return (JSON.parse(status.stdout) as { servers: ServerStatus[] }).servers;
}

describe('several servers', { concurrency: 2 }, () => {
  it('connect as fast as one where the other is killed before the second peer starts', async () => {
    // The same in one lab: with both, and then without the first.
    const took: number[] = [];
    for (const kills of [false, true]) {
      await using both = await TwoServers.start();
      const { lab } = both;
      const a = both.client('a');
      await said(a, /: unknown, /);
      await until('a is known to both servers', async () => {
        const servers = await serversOf(lab.host('a'));
        return servers.every(({ state }) => state === 'answers');
      });
      if (kills) {
        await both.first.process?.stop('SIGKILL');
      }
      took.push(await timeToConnect(lab, () => both.client('b')));
      await connected(lab, ['a', 'b']);
    }
    const [alive = 0, killed = Infinity] = took;
    assert.ok(killed < alive + DELAY_MS, `${killed} ms without the first, ${alive} ms with it`);
  });

  it('connect a pair whose only common server is the second as fast as by the first', async () => {
    const took: number[] = [];
    for (const common of ['first', 'second'] as const) {
      await using both = await TwoServers.start();
      const { lab } = both;
      const name = common === 'first' ? both.firstName : both.secondName;
      await said(both.client('a'), /: unknown, /);
      took.push(await timeToConnect(lab, () => startClient(lab.host('b'), name)));
      await connected(lab, ['a', 'b']);
    }
    const [first = 0, second = Infinity] = took;
    assert.ok(second < first + DELAY_MS, `${second} ms by the second, ${first} ms by the first`);
  });

  it('follow a peer that moves as fast where one is killed in mid-run, which is said once', async () => {
    const took: number[] = [];
    for (const kills of [false, true]) {
      await using both = await TwoServers.start();
      const { lab } = both;
      const a = both.client('a');
      both.client('b');
      await connected(lab, ['a', 'b']);
      if (kills) {
        await both.first.process?.stop('SIGKILL');
      }
      took.push(await timeToFollow(lab));
      if (kills) {
        await said(a, new RegExp(`no answer from ${both.first.address} \\(port 49918\\)`));
        const states = (await serversOf(lab.host('a'))).map(({ state }) => state);
        assert.deepEqual(states, ['silent', 'answers']);
        await both.first.start();
        await said(a, new RegExp(`${both.first.address}:49918: the server answers again`));
        assert.equal(a.stderr.match(/no answer from/g)?.length, 1, 'said once');
      }
    }
    const [alive = 0, killed = Infinity] = took;
    assert.ok(killed < alive + MOVE_DELAY_MS, `${killed} ms without one, ${alive} ms with both`);
  });

  it('are given as KEY@HOST or with --server-key, and --once ends with the answer of any', async () => {
    await using both = await TwoServers.start();
    const { lab, first, second } = both;
    await second.process?.stop('SIGKILL');
    const a = both.client('a', '--once');
    const b = startClient(
      lab.host('b'),
      first.address,
      `${second.address}:${PORT}`,
      ...['--server-key', first.key, '--server-key', second.key, '--once'],
    );
    assert.deepEqual(await a.exited, { code: 0, signal: null }, a.stderr);
    assert.deepEqual(await b.exited, { code: 0, signal: null }, b.stderr);
  });

  it('say once that one has another key, and connect through the other', async () => {
    await using both = await TwoServers.start();
    const { lab, second } = both;
    const wrong = formatPublicKey(generateKeyPair().publicKey);
    const a = startClient(lab.host('a'), both.firstName, `${wrong}@${second.address}:${PORT}`);
    both.client('b');
    await connected(lab, ['a', 'b']);
    await said(a, /has another key than the one given/);
    const servers = await serversOf(lab.host('a'));
    assert.equal(servers[0]?.state, 'answers');
    assert.ok((servers[0]?.roundTripMs ?? 0) > 0);
    assert.notEqual(servers[1]?.state, 'answers');
    await both.first.process?.stop();
    await said(a, /no answer from/);
    assert.equal(a.stderr.match(/has another key than/g)?.length, 1);
  });

  it('count where settings name them in several lines', async () => {
    await using both = await TwoServers.start();
    const { lab } = both;
    await both.first.process?.stop('SIGKILL');
    const file = both.second.file('wg0.conf');
    const lines = ['[Client]', `Server = ${both.firstName}`, `Server = ${both.secondName}`];
    await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    for (const name of ['a', 'b'] as const) {
      const host = lab.host(name);
      spawnCommand(host, 'client', host.wireguard.interface, '--config', file);
    }
    await connected(lab, ['a', 'b']);
  });

  it('work without keys too, in the classic protocol', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const first = await startServer(lab.rendezvous);
    await startServer(lab.host('c'));
    const a = startClient(lab.host('a'), lab.rendezvous.address, lab.host('c').address);
    await said(a, /: unknown, /);
    await first.stop('SIGKILL');
    const took = await timeToConnect(lab, () =>
      startClient(lab.host('b'), lab.rendezvous.address, lab.host('c').address),
    );
    await connected(lab, ['a', 'b']);
    // A classic client asks again every 2 s at most.
    assert.ok(took < 5000, `${took} ms`);
  });

  it('relay by the one that can, and by the other when that is killed', async () => {
    const hosts = { ...HOSTS, a: { nat: 'symmetric' }, b: { nat: 'symmetric' } } as const;
    await using both = await TwoServers.start(hosts as never, '--relay');
    const { lab } = both;
    both.client('a');
    both.client('b');
    await connected(lab, ['a', 'b']);
    const via = async () => {
      const { publicKey } = lab.host('b').wireguard;
      return (await lab.host('a').wireguard.endpointOf(publicKey))?.address;
    };
    const first = await via();
    const servers = [both.first, both.second];
    const used = servers.find(({ address }) => address === first);
    const other = servers.find(({ address }) => address !== first);
    assert.ok(used !== undefined, `${first} is no server: the pair is not relayed`);
    await used.process?.stop('SIGKILL');
    await until('the other one relays', async () => (await via()) === other?.address, {
      timeoutMs: 12_000,
    });
    await connected(lab, ['a', 'b']);
  });

  it('show that a mapping depends on the address', async () => {
    await using both = await TwoServers.start(
      { ...HOSTS, a: { nat: 'symmetric' } } as never,
      '--probe-port',
      'none',
    );
    const a = both.client('a');
    await said(a, /NAT over IPv4: address-(and-port-)?dependent mapping/);
  });
});
