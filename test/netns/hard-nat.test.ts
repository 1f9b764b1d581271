import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab, type LabHost, type NatKind, until } from '../../src/lab/index.js';
import { connectHardNat, type HardNatLab } from './hard-nat-pair.js';

const KINDS: readonly NatKind[] = ['symmetric', 'cgnat-block', 'stepping'];

function makeLab(hard: NatKind): Promise<HardNatLab> {
  const hosts = { h: { nat: hard }, e: { nat: 'cone' } } as const;
  return createLab({ hosts, distance: { roundTripMs: 50 } });
}

/** The nftables rules of a host. */
function rules(host: LabHost): Promise<string> {
  return host.exec('nft', ['list', 'ruleset']);
}

async function pings(lab: HardNatLab): Promise<void> {
  assert.ok(await lab.ping('h', 'e', { timeoutMs: 3_000 }), 'h to e');
  assert.ok(await lab.ping('e', 'h', { timeoutMs: 3_000 }), 'e to h');
}

describe('hard NAT by many sockets', () => {
  for (const kind of KINDS) {
    for (const leader of ['h', 'e'] as const) {
      const side = leader === 'h' ? 'hard' : 'easy';
      it(`${kind} x cone connects, the ${side} side leading`, async (t) => {
        await using lab = await makeLab(kind);
        const { tookMs } = await connectHardNat(lab, leader);
        t.diagnostic(`${Math.round(tookMs)} ms`);
        await pings(lab);
        assert.match(await rules(lab.host('h')), /masquerade to :\d+/);
        assert.equal(await rules(lab.host('e')), '');
      });
    }
  }

  it('stopping leaves the tunnel working, without a translating rule', async () => {
    await using lab = await makeLab('cgnat-block');
    const { hard, easy } = await connectHardNat(lab, 'h');
    await pings(lab);
    assert.deepEqual(await hard.stop(), { code: 0, signal: null });
    assert.deepEqual(await easy.stop(), { code: 0, signal: null });
    assert.doesNotMatch(await rules(lab.host('h')), /masquerade|drop/);
    await pings(lab);
  });

  it('moves a flow that the host tracks already, as its own NAT and firewall make it', async () => {
    await using lab = await makeLab('cgnat-block');
    const host = lab.host('h');
    await host.nft(`
      table ip other {
        chain output {
          type filter hook output priority filter
          ct state invalid drop
        }
        chain postrouting {
          type nat hook postrouting priority srcnat
          oifname "docker0" masquerade
        }
      }`);
    // WireGuard's own initiations to the easy side, which its NAT drops.
    const { wireguard } = lab.host('e');
    await host.wireguard.setPeer({
      publicKey: wireguard.publicKey,
      allowedIps: [`${wireguard.tunnelAddress}/32`],
      endpoint: `${lab.host('e').outsideAddresses[0]}:${wireguard.listenPort}`,
      keepaliveSeconds: 1,
    });
    await until('a tracked flow', async () =>
      (await host.exec('conntrack', ['-L', '-p', 'udp'])).includes(`dport=${wireguard.listenPort}`),
    );
    await connectHardNat(lab, 'h');
    await pings(lab);
  });
});
