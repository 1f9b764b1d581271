import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createLab,
  type HostOptions,
  type Lab,
  type LabGateway,
  type LabHost,
  type LabProcess,
  until,
} from '../../src/lab/index.js';
import { connected } from './our-programs.js';
import { SealedServer } from './sealed-programs.js';

/*
 * The server is killed once two hosts are connected, and then their path breaks. All that they have left are
 * the candidates that they know of each other.
 */
const distance = { roundTripMs: 50 };
const CONE = { nat: 'cone', distance } as const;
const DUAL = { ...CONE, ipv6: true } as const;
const PORT = 51820;
const MOVED_PORT = 40_007;
const KEEPALIVE_SECONDS = 5;
const KEEPALIVE_BYTES = 32;
/** Far above what a busy machine needs, and far below WireGuard's own 180 s. */
const BUSY_LIMIT_MS = 15_000;
const IDLE_LIMIT_MS = 30_000;

interface Pair extends AsyncDisposable {
  readonly lab: Lab<'a' | 'b'>;
  readonly a: LabHost;
  readonly b: LabHost;
  readonly clients: readonly LabProcess[];
}

/** Connects a and b, then kills the server. */
async function alone(hosts: Record<'a' | 'b', HostOptions>): Promise<Pair> {
  const lab = await createLab({ hosts });
  try {
    await using server = await SealedServer.start(lab);
    const [a, b] = [lab.host('a'), lab.host('b')];
    const clients = [a, b].map((host) =>
      server.client(host, '--keepalive', String(KEEPALIVE_SECONDS)),
    );
    await connected(lab, ['a', 'b']);
    await server.process?.stop('SIGKILL');
    return { lab, a, b, clients, [Symbol.asyncDispose]: () => lab.dispose() };
  } catch (error) {
    await lab.dispose();
    throw error;
  }
}

/** Where a host's WireGuard sends to another. */
function endpointOf(host: LabHost, peer: LabHost) {
  return host.wireguard.endpointOf(peer.wireguard.publicKey);
}

/** Both sides send all the time. */
function traffic({ a, b }: Pair): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.spawn('ping', ['-q', '-i', '0.5', to.wireguard.tunnelAddress]);
  }
}

/** Waits until only keepalives have passed for so long that WireGuard waits for no answer. */
async function idle({ a, b }: Pair): Promise<void> {
  const received = async (): Promise<number> => {
    const shown = await Promise.all([a, b].map(({ wireguard }) => wireguard.show('transfer')));
    const counts = shown.flatMap((peers) => [...peers.values()].map(parseFloat));
    return counts.reduce((sum, bytes) => sum + bytes, 0);
  };
  const enough = (await received()) + 4 * KEEPALIVE_BYTES;
  await until('keepalives', async () => (await received()) >= enough, { timeoutMs: 60_000 });
}

/** Drops the UDP packets of a family that a gateway forwards. */
async function cut(gateway: LabGateway | undefined, family: 4 | 6): Promise<void> {
  await gateway?.nft(`
    table ${family === 4 ? 'ip' : 'ip6'} cut {
      chain forward {
        type filter hook forward priority -5
        meta l4proto udp drop
      }
    }`);
}

/** The family that both use, and the other one. */
async function families({ a, b }: Pair): Promise<[4 | 6, 4 | 6]> {
  return (await endpointOf(a, b))?.family === 6 ? [6, 4] : [4, 6];
}

/** Waits until both use a family and the tunnel works. */
async function uses(pair: Pair, family: 4 | 6, timeoutMs: number): Promise<void> {
  const { lab, a, b } = pair;
  const isUsed = async (): Promise<boolean> =>
    (await endpointOf(a, b))?.family === family && (await endpointOf(b, a))?.family === family;
  await until(`IPv${family} on both sides`, isUsed, { timeoutMs });
  assert.ok(await lab.ping('a', 'b', { timeoutMs: 5000 }), 'pings are answered');
}

describe('a path that breaks while there is no server', { concurrency: 2 }, () => {
  for (const [kind, prepare, limit] of [
    ['under traffic', traffic, BUSY_LIMIT_MS],
    ['under keepalives', idle, IDLE_LIMIT_MS],
  ] as const) {
    it(`gives way to one of the other family ${kind}`, async () => {
      await using pair = await alone({ a: DUAL, b: DUAL });
      const [family, other] = await families(pair);
      await prepare(pair);
      await cut(pair.a.gateways[0], family);
      await uses(pair, other, limit);
    });

    it(`gives way to one through the NAT and back where a LAN parts ${kind}`, async () => {
      await using pair = await alone({ a: CONE, b: { sameNatAs: 'a', listenPort: PORT + 1 } });
      const { a, b } = pair;
      assert.equal((await endpointOf(a, b))?.address, b.address);
      await returns(pair);
      await prepare(pair);
      await part(pair);
      await usesNat(pair, limit);
    });

    it(`is followed to the new port of a NAT ${kind}`, async () => {
      await using pair = await alone({ a: CONE, b: { nat: 'full-cone', distance } });
      const { lab, a, b } = pair;
      await prepare(pair);
      await a.gateways[0]?.moveMapping(PORT, MOVED_PORT);
      const isMoved = async (): Promise<boolean> => (await endpointOf(b, a))?.port === MOVED_PORT;
      await until('b to follow', isMoved, { timeoutMs: limit });
      assert.ok(await lab.ping('b', 'a', { timeoutMs: 5000 }), 'pings are answered');
    });
  }

  it('gives way to the first one that comes back after both sides gave up', async () => {
    await using pair = await alone({ a: CONE, b: { sameNatAs: 'a', listenPort: PORT + 1 } });
    const said = pair.clients.map(({ stderr }) => stderr.length);
    traffic(pair);
    await part(pair);
    const isLost = (): boolean =>
      pair.clients.every(({ stderr }, i) => /connecting, no/.test(stderr.slice(said[i])));
    await until('both to notice', isLost, { timeoutMs: 60_000 });
    await returns(pair);
    await usesNat(pair, IDLE_LIMIT_MS);
  });
});

/** Two hosts of a LAN do not reach each other directly any more. */
async function part({ a, b }: Pair): Promise<void> {
  for (const [host, peer] of [
    [a, b],
    [b, a],
  ] as const) {
    await host.nft(`
      table ip parted {
        chain input {
          type filter hook input priority filter
          ip saddr ${peer.address} udp dport { ${PORT}, ${PORT + 1} } drop
        }
      }`);
  }
}

/** The NAT of a LAN returns what its hosts send to its outside. */
async function returns({ a, b }: Pair): Promise<void> {
  const [gateway] = a.gateways;
  const outside = a.outsideAddresses[0];
  await gateway?.nft(`
    table ip hairpin {
      chain prerouting {
        type nat hook prerouting priority dstnat
        iifname "lan" ip daddr ${outside} udp dport ${PORT} dnat to ${a.address}:${PORT}
        iifname "lan" ip daddr ${outside} udp dport ${PORT + 1} dnat to ${b.address}:${PORT + 1}
      }
      chain postrouting {
        type nat hook postrouting priority srcnat
        oifname "lan" ip saddr { ${a.address}, ${b.address} } snat to ${outside}
      }
    }`);
  // Flows of before are not translated anew.
  await gateway?.forgetMappings();
}

/** Waits until two hosts of a LAN use their outside addresses and the tunnel works. */
async function usesNat({ lab, a, b }: Pair, timeoutMs: number): Promise<void> {
  const [outside] = a.outsideAddresses;
  const isUsed = async (): Promise<boolean> =>
    (await endpointOf(a, b))?.address === outside && (await endpointOf(b, a))?.address === outside;
  await until('the outside addresses', isUsed, { timeoutMs });
  assert.ok(await lab.ping('a', 'b', { timeoutMs: 5000 }), 'pings are answered');
}
