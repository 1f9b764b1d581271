import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SEALED_REPLY_LENGTHS } from '../../../src/client/sealed/server-channels.js';
import { packetFilter } from '../../../src/wire/bpf.js';
import { addressBytes } from '../../../src/wire/endpoint.js';
import { MESSAGE, writeNotice } from '../../../src/wire/sealed.js';
import { encodeUdp } from '../../../src/wire/udp.js';
import { runFilter } from '../../wire/bpf-machine.js';
import { encodeIpv4, encodeIpv6 } from '../../wire/ip-packets.js';
import { type Datagram, type Node, World } from './world.js';

/** Two clients that found each other, and all datagrams that passed the network. */
function met(): { world: World; a: Node; b: Node; seen: Datagram[] } {
  const world = new World();
  const seen: Datagram[] = [];
  world.fate = (datagram) => {
    seen.push(datagram);
    return [10];
  };
  const [a, b] = [world.node(), world.node()];
  a.want(b);
  b.want(a);
  world.run(5000);
  return { world, a, b, seen };
}

describe('a client under attack', () => {
  const { world, a, b, seen } = met();
  const captured = seen.map(({ payload }) => payload);

  function unmoved(attack: (payload: Uint8Array) => void, payloads: fc.Arbitrary<Uint8Array>) {
    fc.assert(
      fc.property(payloads, (payload) => {
        const sent = a.sent.length;
        attack(payload);
        assert.equal(a.sent.length, sent, 'an answer to a stranger');
        assert.equal(a.finds(b), b.places[4]);
        assert.ok(a.client.isEstablished);
      }),
      { numRuns: 500 },
    );
  }

  it('a sealed client ignores random bytes of any length', () => {
    unmoved((payload) => a.hear(4, payload), fc.uint8Array({ maxLength: 1300, size: 'max' }));
  });

  it('a sealed client ignores captured messages, whole, cut or changed', () => {
    const mutated = fc
      .record({
        original: fc.constantFrom(...captured),
        at: fc.nat(1231),
        xor: fc.integer({ min: 0, max: 255 }),
        length: fc.nat(1232),
      })
      .map(({ original, at, xor, length }) => {
        const copy = original.slice(0, Math.max(length, 1));
        copy[at % copy.length]! ^= xor;
        return copy;
      })
      // A notice that echoes a genuine message is a hint, which has a test of its own.
      .filter((payload) => payload[3] !== MESSAGE.notice);
    unmoved((payload) => a.hear(4, payload), mutated);
  });

  it('a sealed client sends nothing for a forged cookie message, and accepts the genuine one after it', () => {
    const fresh = new World();
    const node = fresh.node();
    let forged = 0;
    fresh.fate = ({ to, payload }) => {
      if (payload[3] === MESSAGE.cookie) {
        const copy = payload.slice();
        copy[copy.length - 1]! ^= 1;
        const sent = node.sent.length;
        node.hear(4, copy);
        assert.equal(node.sent.length, sent);
        forged++;
      }
      return to === 'server' ? [10] : [20];
    };
    fresh.run(1000);
    assert.ok(forged > 0);
    assert.ok(node.client.isEstablished);
    assert.equal(node.sent.filter(({ payload }) => payload[3] === MESSAGE.initiation).length, 2);
  });

  it('a sealed client begins no handshake for a notice that echoes none of its messages', () => {
    const notices = fc
      .tuple(
        fc.constantFrom(1 as const, 2 as const),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
      )
      .map(([reason, echo]) => {
        const notice = new Uint8Array(24);
        writeNotice(notice, 0, reason, echo, 0);
        return notice;
      });
    unmoved((payload) => a.hear(4, payload), notices);
  });

  it('a sealed client begins no handshake for a notice that echoes another session or an old message', () => {
    const data = a.sent.filter(({ payload }) => payload[3] === MESSAGE.data);
    const recent = data.at(-1)?.payload.slice(0, 16) as Uint8Array;
    const foreign = recent.slice();
    foreign[4]! ^= 1;
    const future = recent.slice();
    future[8]! ^= 0x80;
    for (const echo of [foreign, future, b.sent.at(-1)?.payload as Uint8Array]) {
      const notice = new Uint8Array(24);
      writeNotice(notice, 0, 1, echo, 0);
      const sent = a.sent.length;
      a.hear(4, notice);
      assert.equal(a.sent.length, sent);
    }
  });

  it('a sealed client begins a handshake for forged notices at most every 2 s, and keeps its session', () => {
    const begun = world.now;
    const initiations = () =>
      a.sent.filter(({ at, payload }) => at >= begun && payload[3] === MESSAGE.initiation).length;
    for (let i = 0; i < 200; i++) {
      const last = a.sent.filter(({ payload }) => payload[3] === MESSAGE.data).at(-1);
      const notice = new Uint8Array(24);
      writeNotice(notice, 0, 1, last?.payload as Uint8Array, 0);
      a.hear(4, notice);
      world.run(50);
      assert.ok(a.client.isEstablished || a.client.update(b.key)?.ipv4 !== undefined);
    }
    assert.ok(initiations() >= 4 && initiations() <= 6, `${initiations()} in 10 s`);
    assert.equal(a.finds(b), b.places[4]);
  });
});

describe('the filter of the raw socket', () => {
  it('the filter of the raw socket passes exactly the lengths of sealed messages', () => {
    const rule = { listenPort: 51820, payloadLengths: SEALED_REPLY_LENGTHS };
    const [source4, source6] = [addressBytes('198.51.100.1'), addressBytes('2001:db8::1')];
    const filter4 = packetFilter({
      family: 4,
      source: { address: source4, port: 49918 },
      ...rule,
    });
    const filter6 = packetFilter({
      family: 6,
      source: { address: source6, port: 49918 },
      ...rule,
    });
    for (let length = 0; length <= 1300; length++) {
      const payload = encodeUdp({
        sourcePort: 49918,
        destinationPort: 51820,
        payload: new Uint8Array(length),
      });
      const ipv4 = encodeIpv4({ source: source4, destination: source4, payload });
      const ipv6 = encodeIpv6({ source: source6, destination: source6, payload });
      const isMessage =
        [24, 40, 92].includes(length) ||
        (length >= 48 && length <= 1232 && length % 16 === 0 && length !== 64);
      assert.equal(runFilter(filter4, ipv4) > 0, isMessage, `IPv4, ${length} bytes`);
      assert.equal(runFilter(filter6, payload, ipv6) > 0, isMessage, `IPv6, ${length} bytes`);
    }
  });
});
