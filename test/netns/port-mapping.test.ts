import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLab, type Lab, type LabHost, until } from '../../src/lab/index.js';
import { UdpProbe } from './udp-probe.js';

const AGENT = fileURLToPath(new URL('./port-mapping-agent.js', import.meta.url));
const PORT = 41_000;

describe('port mapping by miniupnpd', () => {
  let lab: Lab<'m' | 'c' | 'other'>;
  let other: UdpProbe;
  before(async () => {
    lab = await createLab({
      hosts: {
        m: { nat: 'port-mapping', wireguard: false },
        c: { nat: 'cone', wireguard: false },
        other: { nat: 'none', wireguard: false },
      },
    });
    other = await UdpProbe.open(lab.host('other'), 5001);
  });
  after(() => lab.dispose());

  const start = (host: LabHost) =>
    host.spawn(process.execPath, [AGENT, String(host.outsideAddresses[0]), String(PORT)]);
  const gateway = () => {
    const [first] = lab.host('m').gateways;
    assert.ok(first);
    return first;
  };

  /** Has requests of these protocols dropped by the gateway, as one does that lacks them. */
  async function without(versions: readonly number[]): Promise<void> {
    const rules = versions.map((version) => `udp dport 5351 @th,64,8 ${version} drop`);
    await gateway().nft(
      `table ip lacks {
        chain input {
          type filter hook input priority -5
          ${rules.join('\n')}
        }
      }`,
    );
  }

  for (const [protocol, lacking] of [
    ['PCP', []],
    ['NAT-PMP', [2]],
    ['UPnP', [0, 2]],
  ] as const) {
    it(`${protocol}: packets of anybody reach the port, until the client stops`, async () => {
      const host = lab.host('m');
      const [outside] = host.outsideAddresses as [string];
      await without(lacking);
      await using inside = await UdpProbe.open(host, PORT);
      await using agent = start(host);
      const [line] = await agent.waitForOutput(/\{.*\}/);
      const { protocol: used, candidate } = JSON.parse(line);
      assert.deepEqual(
        { used, candidate },
        { used: protocol, candidate: { address: outside, port: PORT, family: 4 } },
      );
      other.send(5001, outside, candidate.port, `unasked ${protocol}`);
      await inside.receive(`unasked ${protocol}`);
      assert.deepEqual(await agent.stop(), { code: 0, signal: null });
      await until('the mapping to be deleted', async () => {
        const chain = ['list', 'chain', 'inet', 'filter', 'prerouting_miniupnpd'];
        return !(await gateway().exec('nft', chain)).includes(String(PORT));
      });
      await gateway().nft('delete table ip lacks');
    });
  }

  it('is silent where the router maps nothing', async () => {
    const host = lab.host('c');
    const cable = await host.cable.count({ direction: 'outbound', protocol: 'udp' });
    await using agent = start(host);
    await until('all three protocols', async () => (await cable.packets()) >= 3);
    assert.equal(agent.stdout, '');
    const stoppedAt = performance.now();
    assert.deepEqual(await agent.stop(), { code: 0, signal: null });
    assert.ok(performance.now() - stoppedAt < 1_500);
  });
});
