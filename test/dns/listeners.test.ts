import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { before, describe, it } from 'node:test';
import { endpoint } from '../../src/wire/endpoint.js';
import { listenAtOnePort } from '../one-port.js';
import { enterOwnNetwork } from '../own-network.js';
import { openLocalRegistry } from './asking.js';

const ADDRESS = '127.0.0.1';
/** The kernel chooses among these, of which the first four are in use. */
const [FIRST_PORT, LAST_PORT] = [40_000, 40_015];
const IN_USE = [0, 1, 2, 3].map((i) => FIRST_PORT + i);
const TIMES = 40;

describe('one port for UDP and TCP, chosen by the kernel', () => {
  before(async () => {
    await enterOwnNetwork();
    writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', `${FIRST_PORT} ${LAST_PORT}`);
  });

  it('is free for both: the registry', async () => {
    const others = IN_USE.map((port) => createServer().listen(port, ADDRESS));
    await Promise.all(others.map((server) => once(server, 'listening')));
    for (let i = 0; i < TIMES; i++) {
      await using registry = await open(0);
      assert.ok(!IN_USE.includes(registry.addresses[0]?.port as number));
    }
    await assert.rejects(open(FIRST_PORT), {
      code: 'EADDRINUSE',
      address: ADDRESS,
      port: FIRST_PORT,
    });
    await using _ = await open(LAST_PORT);
    for (const server of others) {
      server.close();
    }
  });

  it('is free for both: servers of tests', async () => {
    const others = IN_USE.map((port) => createSocket('udp4').bind(port, ADDRESS));
    await Promise.all(others.map((socket) => once(socket, 'listening')));
    for (let i = 0; i < TIMES; i++) {
      const [tcp, udp] = [createServer(), createSocket('udp4')];
      const chosen = await listenAtOnePort(tcp, udp, ADDRESS);
      assert.ok(!IN_USE.includes(chosen));
      assert.equal((tcp.address() as AddressInfo).port, chosen);
      assert.equal(udp.address().port, chosen);
      udp.close();
      tcp.close();
      await once(tcp, 'close');
    }
    for (const socket of others) {
      socket.close();
    }
  });
});

function open(port: number) {
  return openLocalRegistry({ listen: [endpoint(ADDRESS, port)] });
}
