import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createLab, type Lab, type LabHost, until } from '../../src/lab/index.js';
import { ProgramWithoutAddon } from '../cli/program-without-addon.js';
import { PROGRAM } from '../cli/run-command.js';
import { UdpProbe } from './udp-probe.js';

const PORT = 49918;
const ASKER_PORT = 4000;
/** A well-formed request, of a key that asks for itself. */
const REQUEST = 'k'.repeat(64);
const HERE = 'fe80::7';

/** Interfaces of host a whose names are not letters and digits only; their other ends are b's. */
const CABLES = [
  { name: 'br-lan.7', otherEnd: 'far0' },
  { name: 'docker_gwbridge', otherEnd: 'far1' },
] as const;

/**
 * b asks a over link-local addresses, by cables and by a tunnel:
 *
 *     a  br-lan.7        fe80::7 -------- fe80::8  far0  b
 *        docker_gwbridge fe80::7 -------- fe80::8  far1
 *        wg, fd00::7 only    ==== wg ==== fe80::8, fd00::8
 */
describe('link-local addresses', () => {
  let lab: Lab<'a' | 'b'>;
  let a: LabHost;
  let b: LabHost;
  let withoutAddon: ProgramWithoutAddon;

  before(async () => {
    withoutAddon = new ProgramWithoutAddon();
    lab = await createLab({ hosts: { a: {}, b: {} } });
    [a, b] = [lab.host('a'), lab.host('b')];
    for (const { name, otherEnd } of CABLES) {
      await a.ip([`link add ${name} type veth peer name ${otherEnd} netns ${b.netns}`]);
      // With one address only: without the addon, a reply comes from whichever the kernel prefers.
      await a.ip([
        `link set ${name} addrgenmode none`,
        `address add ${HERE}/64 dev ${name} nodad`,
        `link set ${name} up`,
      ]);
      await b.ip([`address add fe80::8/64 dev ${otherEnd} nodad`, `link set ${otherEnd} up`]);
    }
    await connectTunnel();
  });
  after(async () => {
    await lab?.dispose();
    withoutAddon[Symbol.dispose]();
  });

  /** As wg-quick makes it: an interface of WireGuard has no link-local address by itself. */
  const connectTunnel = async (): Promise<void> => {
    const [here, there] = [a.wireguard, b.wireguard];
    await here.setPeer({ publicKey: there.publicKey, allowedIps: ['::/0'] });
    const endpoint = `${a.address}:${here.listenPort}`;
    await there.setPeer({ publicKey: here.publicKey, allowedIps: ['::/0'], endpoint });
    await a.exec('ip', ['-6', 'address', 'flush', 'dev', here.interface, 'scope', 'link']);
    await a.ip([
      `address add fd00::7/64 dev ${here.interface} nodad`,
      `route add fe80::/64 dev ${here.interface}`,
    ]);
    await b.ip([
      `address add fe80::8/64 dev ${there.interface} nodad`,
      `route add fd00::7/128 dev ${there.interface} src fe80::8`,
    ]);
  };

  /** Asks until there is an answer. */
  const ask = async (address: string): Promise<void> => {
    await using probe = await UdpProbe.open6(b, ASKER_PORT);
    await until(
      `an answer from ${address}`,
      () => {
        probe.send(ASKER_PORT, address, PORT, REQUEST);
        return probe.received.some(({ from, fromPort }) => from === address && fromPort === PORT);
      },
      { intervalMs: 100 },
    );
  };

  for (const addon of [true, false]) {
    const start = async (...args: string[]) => {
      const program = addon ? PROGRAM : withoutAddon.path;
      const server = a.spawn(process.execPath, [program, ...args]);
      await server.waitForOutput(/listening on/);
      return server;
    };
    const dig = async (address: string, how: string): Promise<string> => {
      const args = [`@${address}`, '-p', String(PORT), '+time=2', '+tries=3', how];
      const { stdout } = await b.outcome('dig', [...args, 'ns1.example.com', 'AAAA']);
      return /status: \w+/.exec(stdout)?.[0] ?? stdout;
    };
    const dns = ['dns', 'server', '--zone', 'example.com', '--public'];

    describe(addon ? 'with the addon' : 'without the addon', () => {
      it('the server answers them through any interface, and through a tunnel without one', async () => {
        await using server = await start('server', '--listen', `[::]:${PORT}`);
        for (const { otherEnd } of CABLES) {
          await ask(`${HERE}%${otherEnd}`);
        }
        await ask('fd00::7');
        assert.deepEqual(await server.stop(), { code: 0, signal: null });
      });

      for (const { name, otherEnd } of CABLES) {
        it(`the server listens on ${HERE}%${name}`, async () => {
          await using server = await start('server', '--listen', `[${HERE}%${name}]:${PORT}`);
          assert.equal(server.stdout, `listening on [${HERE}%${name}]:${PORT}\n`);
          await ask(`${HERE}%${otherEnd}`);
          assert.deepEqual(await server.stop(), { code: 0, signal: null });
        });
      }

      it('the registry answers them over UDP and TCP', async () => {
        const args = ['--interface', a.wireguard.interface, '--listen', `[::]:${PORT}`];
        await using server = await start(...dns, ...args);
        for (const { otherEnd } of CABLES) {
          for (const how of ['+notcp', '+tcp']) {
            assert.equal(await dig(`${HERE}%${otherEnd}`, how), 'status: NOERROR', how);
          }
        }
        assert.deepEqual(await server.stop(), { code: 0, signal: null });
      });
    });
  }

  it('the registry listens on them', async () => {
    for (const { name, otherEnd } of CABLES) {
      const listen = ['--listen', `[${HERE}%${name}]:${PORT}`];
      const zone = ['--zone', 'example.com', '--interface', a.wireguard.interface];
      const args = [PROGRAM, 'dns', 'server', '--public', ...zone, ...listen];
      await using server = a.spawn(process.execPath, args);
      await server.waitForOutput(/listening on/);
      const { stdout } = await b.outcome('dig', [
        `@${HERE}%${otherEnd}`,
        ...['-p', String(PORT), '+tcp', '+short', 'ns1.example.com', 'AAAA'],
      ]);
      assert.equal(stdout.trim(), HERE);
    }
  });
});
