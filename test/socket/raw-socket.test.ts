import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NativeRawSocket, NativeRoute, RawReceived } from '../../src/socket/binding.js';
import { openRawSocket, type RawSocketOptions } from '../../src/socket/raw-socket.js';
import { type PacketRule, packetFilter, REJECT_ALL } from '../../src/wire/bpf.js';
import { addressBytes, endpoint } from '../../src/wire/endpoint.js';
import { decodeUdp, udpChecksum } from '../../src/wire/udp.js';
import { packet } from '../native/packets.js';

const SERVER = endpoint('192.0.2.1', 49918);
const LISTEN_PORT = 51820;
const PAYLOAD = Uint8Array.of(1, 2, 3, 4, 5, 6);
const RULE: PacketRule = {
  family: 4,
  source: { address: addressBytes(SERVER.address), port: SERVER.port },
  listenPort: LISTEN_PORT,
  payloadLengths: [6],
};
const REPLY = packet({ from: SERVER, to: endpoint('198.51.100.7', LISTEN_PORT), payload: PAYLOAD });

const ROUTE: NativeRoute = { source: addressBytes('198.51.100.7'), interfaceIndex: 3 };

/** A native socket that follows the test's script, and records its calls. */
class ScriptedNative implements NativeRawSocket {
  readonly calls: string[] = [];
  readonly programs: Uint8Array[] = [];
  readonly sent: Parameters<NativeRawSocket['send']>[] = [];
  readonly lookups: [source: number, to: number][] = [];
  readonly drains = [1024, 7, 0];
  receives = 0;
  /** What is thrown instead of doing the work. */
  failing: string | undefined;
  onReceive: () => boolean = () => true;
  wake: () => void = () => {};

  attachFilter(program: Uint8Array): void {
    this.#do('attachFilter');
    this.programs.push(program);
  }
  drain(): number {
    this.#do('drain');
    return this.drains.shift() ?? 0;
  }
  setMark(mark: number): void {
    this.#do(`setMark ${mark}`);
  }
  /** The route of WireGuard's packets, and that of others; undefined if there is none. */
  route: NativeRoute = ROUTE;
  plain: NativeRoute | undefined = ROUTE;
  findRoute(_address: Uint8Array, _zone: number, source: number, to: number): NativeRoute {
    this.lookups.push([source, to]);
    if (source !== 0) {
      return this.route;
    }
    if (this.plain === undefined) {
      throw Object.assign(new Error('no route'), { code: 'ENETUNREACH' });
    }
    return this.plain;
  }
  send(...sent: Parameters<NativeRawSocket['send']>): void {
    this.sent.push(sent);
    this.#do('send');
  }
  receive(buffer: Uint8Array): RawReceived | null {
    this.receives++;
    if (this.failing === 'receive') {
      throw new Error('receive failed');
    }
    if (!this.onReceive()) {
      return null;
    }
    buffer.set(REPLY);
    return { length: REPLY.length, source: addressBytes(SERVER.address), fragmented: false };
  }
  start(onReadable: () => void): void {
    this.#do('start');
    this.wake = onReadable;
  }
  close(onClosed?: () => void): void {
    this.#do('close');
    if (onClosed !== undefined) {
      setImmediate(onClosed);
    }
  }
  ref(): void {
    this.#do('ref');
  }
  unref(): void {
    this.#do('unref');
  }
  #do(call: string): void {
    this.calls.push(call);
    if (this.failing !== undefined && call.startsWith(this.failing)) {
      throw Object.assign(new Error(`${call} failed`), { code: 'EPERM', syscall: 'setsockopt' });
    }
  }
}

function open(native: ScriptedNative, options: Partial<RawSocketOptions> = {}) {
  return openRawSocket({
    rule: RULE,
    mark: 0,
    onPayload: () => {},
    onError: () => assert.fail('no error expected'),
    open: () => native,
    ...options,
  });
}

describe('opening a raw socket', () => {
  it('marks it, rejects all, drains until nothing is left, then lets replies in', () => {
    const native = new ScriptedNative();
    open(native, { mark: 0xca6c });
    const drains = ['drain', 'drain', 'drain'];
    const order = ['setMark 51820', 'attachFilter', ...drains, 'attachFilter', 'start'];
    assert.deepEqual(native.calls, order);
    assert.deepEqual(native.programs, [REJECT_ALL, packetFilter(RULE)]);
  });

  for (const failing of ['setMark', 'attachFilter', 'drain', 'start']) {
    it(`closes it when ${failing} fails`, () => {
      const native = new ScriptedNative();
      native.failing = failing;
      assert.throws(() => open(native, { mark: 1 }), { code: 'EPERM' });
      assert.equal(native.calls.at(-1), 'close');
    });
  }

  it('names CAP_NET_ADMIN when the mark is refused', () => {
    const native = new ScriptedNative();
    native.failing = 'setMark';
    assert.throws(
      () => open(native, { mark: 1 }),
      /^PermissionError: marking .* needs CAP_NET_ADMIN/,
    );
  });
});

describe('a wake of a raw socket', () => {
  it('receives 32 packets at most', () => {
    const native = new ScriptedNative();
    const payloads: Uint8Array[] = [];
    const ttls = new Set<number | undefined>();
    const socket = open(native, {
      onPayload: (payload, _, ttl) => {
        payloads.push(payload);
        ttls.add(ttl);
      },
    });
    native.wake();
    assert.equal(native.receives, 32);
    assert.equal(socket.counters.accepted, 32);
    assert.deepEqual(payloads, new Array(32).fill(PAYLOAD));
    assert.deepEqual([...ttls], [64]);
  });

  it('ends with the queue', () => {
    const native = new ScriptedNative();
    native.onReceive = () => native.receives < 3;
    open(native);
    native.wake();
    assert.equal(native.receives, 3);
  });

  it('ends when the socket is closed within it', () => {
    const native = new ScriptedNative();
    const socket = open(native, { onPayload: () => void socket.close() });
    native.wake();
    assert.equal(native.receives, 1);
  });

  it('ends with a failed receive, which is reported once', () => {
    const native = new ScriptedNative();
    const errors: string[] = [];
    open(native, { onError: ({ message }) => errors.push(message) });
    native.failing = 'receive';
    native.wake();
    assert.deepEqual(errors, ['receive failed']);
    assert.equal(native.receives, 1);
  });

  it('lets an exception of the owner through', () => {
    const native = new ScriptedNative();
    open(native, {
      onPayload: () => {
        throw new Error("the owner's");
      },
    });
    assert.throws(() => native.wake(), /the owner's/);
  });
});

describe('sending from a raw socket', () => {
  it("takes the route, source and interface of WireGuard's own packets, and sums over them", () => {
    const native = new ScriptedNative();
    open(native).send(PAYLOAD, SERVER);
    const [sent] = native.sent;
    assert.ok(sent);
    const [datagram, address, scopeId, source, interfaceIndex] = sent;
    assert.deepEqual(address, addressBytes(SERVER.address));
    assert.deepEqual(source, addressBytes('198.51.100.7'));
    assert.deepEqual([scopeId, interfaceIndex], [0, 3]);
    const unsummed = datagram.slice();
    unsummed.fill(0, 6, 8);
    assert.equal(decodeUdp(datagram)?.checksum, udpChecksum(source, address, unsummed));
  });
});

describe("WireGuard's route and that of other packets", () => {
  const texts: string[] = [];
  const opened = (plain: NativeRoute | undefined) => {
    texts.length = 0;
    const native = new ScriptedNative();
    native.plain = plain;
    return { native, socket: open(native, { onRouteDifference: (text) => texts.push(text) }) };
  };

  it('are compared with the first packet and after a change, and not reported if they agree', () => {
    const { native, socket } = opened(ROUTE);
    socket.send(PAYLOAD, SERVER);
    socket.send(PAYLOAD, SERVER);
    assert.deepEqual(texts, []);
    assert.deepEqual(native.lookups, [
      [LISTEN_PORT, SERVER.port],
      [0, 0],
      [LISTEN_PORT, SERVER.port],
    ]);
    native.route = { ...ROUTE, interfaceIndex: 1 };
    socket.send(PAYLOAD, SERVER);
    assert.match(texts.join(), /leave as WireGuard's packets do, by lo from 198\.51\.100\.7/);
  });

  it('are reported with source and interface if they differ', () => {
    const { socket } = opened({ source: addressBytes('198.51.100.8'), interfaceIndex: 1 });
    socket.send(PAYLOAD, SERVER);
    socket.send(PAYLOAD, SERVER);
    assert.equal(texts.length, 1);
    assert.match(texts[0] as string, /; other packets by lo from 198\.51\.100\.8$/);
  });

  it('differ where other packets have no route', () => {
    const { native, socket } = opened(undefined);
    socket.send(PAYLOAD, SERVER);
    assert.match(texts.join(), /; no other packets can$/);
    assert.equal(native.sent.length, 1);
  });
});

describe('closing a raw socket', () => {
  it('is one promise and one native call, however often it is called', async () => {
    const native = new ScriptedNative();
    const socket = open(native);
    const closed = socket.close();
    assert.equal(socket.close(), closed);
    assert.equal(socket[Symbol.asyncDispose](), closed);
    await closed;
    assert.equal(native.calls.filter((call) => call === 'close').length, 1);
  });
});
