import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createLab, type Lab, type LabProcess, until } from '../../src/lab/index.js';
import { connected, handshakes, namePattern } from './our-programs.js';
import { SealedServer, said } from './sealed-programs.js';

/** a and d are clients of the first server, b and e of the second, which runs on c. */
const HOSTS = {
  a: { nat: 'cone' },
  b: { nat: 'cone' },
  c: { nat: 'none', wireguard: false },
  d: { nat: 'cone' },
  e: { nat: 'cone' },
} as const;
type Name = keyof typeof HOSTS;
type Pair = readonly [Name, Name];

const STORE_PORT = 6379;

/** The store is asked again after 10 s at the latest, as a refused write is; the rest is the machine's. */
const RETURN_MS = 20_000;
/** A client pings its server every 25 s. */
const PING_MS = 25_000;

class TwoServersOneStore implements AsyncDisposable {
  private store: LabProcess | undefined;
  private readonly clients = new Map<Name, LabProcess>();

  private constructor(
    readonly lab: Lab<Name>,
    readonly first: SealedServer,
    readonly second: SealedServer,
  ) {}

  /** Two servers with a store, and a and b connected across them. */
  static async start(t: TestContext): Promise<TwoServersOneStore> {
    const lab = await createLab({ hosts: HOSTS });
    const servers = [await SealedServer.start(lab), await SealedServer.startOn(lab.host('c'))];
    const it = new TwoServersOneStore(lab, servers[0]!, servers[1]!);
    await it.startStore();
    for (const server of servers) {
      await server.process?.stop();
      await it.startServer(server);
    }
    const begin = performance.now();
    it.join('a');
    it.join('b');
    report(t, 'two clients of two servers connect', await it.timeToMeet(['a', 'b'], begin));
    return it;
  }

  private get storeAddress(): string {
    return this.lab.rendezvous.address;
  }

  async startServer(server: SealedServer): Promise<void> {
    await server.start('--store', `redis://${this.storeAddress}:${STORE_PORT}`);
    await said(server.process!, /shares clients with other servers/);
  }

  async startStore(): Promise<void> {
    const network = ['--bind', this.storeAddress, '--port', `${STORE_PORT}`];
    const empty = ['--protected-mode', 'no', '--save', '', '--appendonly', 'no'];
    this.store = this.lab.rendezvous.spawn('redis-server', [...network, ...empty]);
    await this.store.waitForOutput(/Ready to accept connections/);
  }

  async killStore(): Promise<void> {
    await this.store?.stop('SIGKILL');
    for (const { process } of [this.first, this.second]) {
      await said(process!, /this server goes on with its own clients/);
    }
  }

  /** The most bytes that the store may take; 0: any. */
  async limitStore(bytes: number): Promise<void> {
    const args = ['-h', this.storeAddress, 'CONFIG', 'SET', 'maxmemory', `${bytes}`];
    assert.equal((await this.lab.rendezvous.exec('redis-cli', args)).trim(), 'OK');
  }

  /** Starts the client of a host, at the server of that host only. */
  join(name: Name): void {
    const server = name === 'a' || name === 'd' ? this.first : this.second;
    this.clients.set(name, server.client(this.lab.host(name)));
  }

  /** Milliseconds from `begin` until a pair had its handshake. */
  async timeToMeet(pair: Pair, begin: number, timeoutMs?: number): Promise<number> {
    await handshakes(this.lab, pair, timeoutMs);
    return performance.now() - begin;
  }

  /** Asserts that d and e, which wait for each other across the servers, meet soon from now on. */
  async returns(t: TestContext, what: string): Promise<void> {
    const back = await this.timeToMeet(['d', 'e'], performance.now());
    report(t, what, back);
    assert.ok(back < RETURN_MS, `${back} ms`);
    await connected(this.lab, ['d', 'e']);
  }

  /** Asserts that two clients look for each other in vain. */
  async wait([x, y]: Pair): Promise<void> {
    for (const [name, peer] of [
      [x, y],
      [y, x],
    ] as const) {
      const { wireguard } = this.lab.host(name);
      const { publicKey } = this.lab.host(peer).wireguard;
      const isUnknown = new RegExp(`${namePattern({ publicKey })}.*: unknown`);
      await said(this.clients.get(name)!, isUnknown);
      assert.equal(await wireguard.hasHandshake(publicKey), false, `${name} has met ${peer}`);
    }
  }

  /** Runs something and asserts that the tunnel of a and b works meanwhile, by the same endpoints. */
  async keepsTunnel(run: () => Promise<void>): Promise<void> {
    const before = await this.endpoints();
    await run();
    await connected(this.lab, ['a', 'b']);
    assert.deepEqual(await this.endpoints(), before);
  }

  private async endpoints() {
    const [a, b] = [this.lab.host('a').wireguard, this.lab.host('b').wireguard];
    return [await a.endpointOf(b.publicKey), await b.endpointOf(a.publicKey)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.first[Symbol.asyncDispose]();
    await this.second[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
  }
}

function report(t: TestContext, what: string, ms: number): void {
  t.diagnostic(`${what} after ${(ms / 1000).toFixed(1)} s`);
}

describe('two servers of one store', () => {
  it('serve their own clients while it is killed, and pairs across them when it is back', async (t) => {
    await using all = await TwoServersOneStore.start(t);
    await all.keepsTunnel(async () => {
      await all.killStore();
      const begin = performance.now();
      all.join('d');
      all.join('e');
      report(
        t,
        'store killed: a pair of one server connects',
        await all.timeToMeet(['a', 'd'], begin),
      );
      await all.timeToMeet(['b', 'e'], begin);
      await all.wait(['d', 'e']);
      await all.startStore();
      await all.returns(t, 'store restarted: a pair across servers connects');
    });
  });

  it('connect pairs of which one was written when it is full, and all when it has room', async (t) => {
    await using all = await TwoServersOneStore.start(t);
    await all.keepsTunnel(async () => {
      await all.limitStore(1);
      const begin = performance.now();
      all.join('d');
      all.join('e');
      const one = await all.timeToMeet(['a', 'd'], begin);
      report(t, 'store full: a pair of one server connects', one);
      const across = await all.timeToMeet(['a', 'e'], begin);
      report(t, 'store full: a new client and one of before connect across servers', across);
      await all.wait(['d', 'e']);
      for (const { process } of [all.first, all.second]) {
        await said(process!, /refuses writes \(OOM/);
      }
      await all.limitStore(0);
      await all.returns(t, 'store has room again: two new clients connect across servers');
    });
  });

  it('keep tunnels when one of them is killed, and its clients come back when it does', async (t) => {
    await using all = await TwoServersOneStore.start(t);
    await all.keepsTunnel(async () => {
      await all.second.process?.stop('SIGKILL');
      let begin = performance.now();
      all.join('d');
      const one = await all.timeToMeet(['a', 'd'], begin);
      report(t, 'a server killed: a pair of the other connects', one);
      const { publicKey } = all.lab.host('b').wireguard;
      await until('d to read of b in the store', () =>
        all.lab.host('d').wireguard.endpointOf(publicKey),
      );
      assert.equal(await all.lab.host('d').wireguard.hasHandshake(publicKey), false);
      await all.startServer(all.second);
      begin = performance.now();
      all.join('e');
      const fresh = await all.timeToMeet(['a', 'e'], begin);
      report(t, 'server restarted: a new client of it and one of the other connect', fresh);
      const back = await all.timeToMeet(['b', 'd'], begin, PING_MS + RETURN_MS);
      report(t, 'server restarted: a client of before and one of the other connect', back);
      await connected(all.lab, ['b', 'd']);
    });
  });
});
