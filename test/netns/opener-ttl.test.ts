import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openerTtl } from '../../src/client/paths/opener-ttl.js';
import { createLab, until } from '../../src/lab/index.js';
import { UdpProbe } from './udp-probe.js';

const AGENT = fileURLToPath(new URL('./opener-ttl-agent.js', import.meta.url));
const PORT = 42_000;
const FULL_TTL = 64;

/** Whether both sides hear each other when a's first full packet arrives before b has sent one. */
async function punches(withOpeners: boolean): Promise<boolean> {
  const poisoning = { nat: 'poisoning', wireguard: false } as const;
  await using lab = await createLab({ hosts: { a: poisoning, b: poisoning }, hops: 2 });
  const [a, b] = [lab.host('a'), lab.host('b')];
  const [outsideA, outsideB] = [a.outsideAddresses[0], b.outsideAddresses[0]] as [string, string];
  // b's own socket, as WireGuard's: without it, the kernel would say that the port is closed.
  await using _a = await UdpProbe.open(a, PORT);
  await using _b = await UdpProbe.open(b, PORT);
  const agents = [a, b].map((host) => host.spawn(process.execPath, [AGENT, String(PORT)]));
  await Promise.all(agents.map((agent) => agent.waitForOutput(/ready/)));
  const [first, second] = agents as [(typeof agents)[0], (typeof agents)[0]];
  const atB = await b.gateways[0]?.cable.count({ direction: 'inbound', protocol: 'udp' });
  if (withOpeners) {
    // The server is six hops away in this lab.
    first.write(`${outsideB} ${PORT} ${openerTtl(6)}\n`);
    second.write(`${outsideA} ${PORT} ${openerTtl(6)}\n`);
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      await until(`the mapping of ${from}`, () => lab.mappedEndpoint(from, to, PORT));
    }
    assert.equal(await atB?.packets(), 0);
  }
  first.write(`${outsideB} ${PORT} ${FULL_TTL}\n`);
  await until("a's packet at b's gateway", async () => (await atB?.packets()) === 1);
  second.write(`${outsideA} ${PORT} ${FULL_TTL}\n`);
  first.write(`${outsideB} ${PORT} ${FULL_TTL}\n`);
  try {
    await until('both to be heard', () => agents.every(({ stdout }) => stdout.includes('from')), {
      timeoutMs: 2_000,
    });
    return true;
  } catch {
    return false;
  }
}

describe('openers with a small TTL, poisoning gateways on a routed internet', () => {
  it('make both mappings before a full packet arrives', async () => {
    for (let i = 0; i < 3; i++) {
      assert.equal(await punches(true), true);
    }
  });

  it('are needed: without them the first full packet spoils the mapping', async () => {
    assert.equal(await punches(false), false);
  });
});
