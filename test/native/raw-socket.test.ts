import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadBinding } from '../../src/socket/binding.js';
import { interfaceIsUp } from '../../src/socket/interface-flags.js';
import { openRawSocket } from '../../src/socket/raw-socket.js';
import { addressBytes, type Family } from '../../src/wire/endpoint.js';
import { decodeIpv4 } from '../../src/wire/ip.js';
import { decodeUdp, udpChecksum } from '../../src/wire/udp.js';
import { until } from './deadline.js';
import {
  ACCEPT_ALL,
  endsIn,
  hostOf,
  listen,
  openNative,
  serverOf,
  takeAll,
} from './raw-socket-peer.js';

const PAYLOAD = Buffer.from('what the client asks');

describe('sending from a raw socket', () => {
  it("leaves from WireGuard's port, over IPv4 with a checksum and without DF, as WireGuard's own", async () => {
    await using heard = listen(4);
    const witness = openNative(4);
    witness.attachFilter(ACCEPT_ALL);
    const found = await sendAndFind(heard, witness, 4);
    witness.close();
    const header = decodeIpv4(found);
    assert.ok(header);
    assert.deepEqual(header.destination, addressBytes(serverOf(4).address));
    const udp = decodeUdp(found.subarray(header.headerLength));
    assert.equal(udp?.sourcePort, hostOf(4).port);
    assert.equal(udp?.destinationPort, serverOf(4).port);
    assert.ok(udp);
    assert.equal(found[6]! & 0x40, 0, 'DF');
    const unsummed = found.slice(header.headerLength);
    unsummed.fill(0, 6, 8);
    assert.equal(udp.checksum, udpChecksum(header.source, header.destination, unsummed));
  });

  it('has the checksum that IPv6 demands, made by the kernel', async () => {
    await using heard = listen(6);
    const witness = openNative(6);
    witness.attachFilter(ACCEPT_ALL);
    const found = await sendAndFind(heard, witness, 6);
    witness.close();
    const udp = decodeUdp(found);
    assert.equal(udp?.sourcePort, hostOf(6).port);
    const unsummed = found.slice();
    unsummed.fill(0, 6, 8);
    const loopback = addressBytes('::1');
    assert.equal(udp?.checksum, udpChecksum(loopback, loopback, unsummed));
  });

  it("reports the system's error", async () => {
    await using socket = openRawSocket({
      rule: { family: 4, source: undefined, listenPort: 51829, payloadLengths: [6] },
      mark: 0,
      onPayload: () => {},
      onError: () => {},
    });
    const everyone = { address: '255.255.255.255', port: 9, family: 4 } as const;
    assert.throws(() => socket.send(PAYLOAD, everyone), {
      code: 'EACCES',
      errno: -13,
      syscall: 'sendmsg',
      message: 'EACCES: permission denied, sendmsg',
    });
  });
});

describe('the native raw socket refuses', () => {
  it('an unknown family', () => {
    const open = loadBinding().RawSocket as unknown as new (family: unknown) => unknown;
    for (const family of [5, '4', undefined, null]) {
      assert.throws(() => new open(family), TypeError);
    }
  });

  it('filters that are no program', () => {
    const native = openNative(4);
    for (const length of [0, 1, 7, 9, 8 * 4097]) {
      assert.throws(() => native.attachFilter(new Uint8Array(length)), RangeError);
    }
    assert.throws(() => native.attachFilter(Uint8Array.of(0xff, 0xff, 0, 0, 0, 0, 0, 0)), {
      code: 'EINVAL',
      message: 'EINVAL: invalid argument, setsockopt SO_ATTACH_FILTER',
    });
    // At an odd address: instructions have to be copied to where they are aligned.
    native.attachFilter(Buffer.concat([Buffer.of(0), ACCEPT_ALL]).subarray(1));
    native.close();
  });

  it('addresses of the other family, and anything after close()', () => {
    const native = openNative(4);
    const four = new Uint8Array(4);
    const send = (address: Uint8Array) => native.send(PAYLOAD, address, 0, four, 0);
    assert.throws(() => send(new Uint8Array(16)), TypeError);
    assert.throws(() => native.findRoute(new Uint8Array(16), 0, 1, 2), TypeError);
    native.close();
    assert.throws(() => send(four), { code: 'EBADF' });
    assert.throws(() => native.findRoute(four, 0, 1, 2), { code: 'EBADF' });
    assert.throws(() => native.receive(new Uint8Array(1)), { code: 'EBADF' });
    assert.throws(() => native.start(() => {}), { code: 'EBADF' });
  });

  it('methods on other objects', () => {
    const { RawSocket } = loadBinding();
    assert.throws(() => RawSocket.prototype.drain.call({} as never), TypeError);
  });
});

describe('interfaceIsUp', () => {
  it('tells up from absent', () => {
    assert.equal(interfaceIsUp('lo'), true);
    assert.equal(interfaceIsUp('no-such-if'), undefined);
    // Cut to 15 characters this would be another interface's name.
    assert.equal(interfaceIsUp('lo\0'), undefined);
    assert.equal(interfaceIsUp('a-name-that-is-too-long-for-an-interface'), undefined);
  });
});

async function sendAndFind(
  heard: ReturnType<typeof listen>,
  witness: ReturnType<typeof openNative>,
  family: Family,
) {
  let found: Uint8Array | undefined;
  await until(
    'the packet sent',
    () => found !== undefined,
    () => {
      heard.socket.send(PAYLOAD, serverOf(family));
      found = takeAll(witness).find(({ bytes }) => endsIn(bytes, PAYLOAD))?.bytes;
    },
  );
  return found as Uint8Array;
}
