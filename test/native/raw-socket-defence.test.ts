import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { packetFilter } from '../../src/wire/bpf.js';
import type { Family } from '../../src/wire/endpoint.js';
import { decodeUdp } from '../../src/wire/udp.js';
import { until } from './deadline.js';
import { type Hostile, hostilePackets, legitimateReply } from './hostile-packets.js';
import { inject } from './packet-injection.js';
import {
  ACCEPT_ALL,
  endsIn,
  hostOf,
  listen,
  openNative,
  openWith,
  REPLY_LENGTH,
  ruleOf,
  serverOf,
  takeAll,
} from './raw-socket-peer.js';

const ROUTER_ALERT = Uint8Array.of(0x94, 0x04, 0, 0);

function realFilter(family: Family): Uint8Array {
  return packetFilter(ruleOf(family));
}

/** What a native socket with this filter takes of the hostile packets, once a later reply is there. */
async function takenBehind(filter: Uint8Array, family: Family, hostile: Hostile) {
  const native = openNative(family);
  try {
    native.attachFilter(filter);
    const reply = legitimateReply(family);
    const taken: ReturnType<typeof takeAll> = [];
    await until(
      'the reply behind the hostile packets',
      () => taken.some(({ bytes }) => endsIn(bytes, reply.payload)),
      () => {
        inject(...hostile.packets, reply.packet);
        taken.push(...takeAll(native));
      },
    );
    return taken.filter(({ bytes }) => endsIn(bytes, hostile.payload));
  } finally {
    native.close();
  }
}

for (const family of [4, 6] as const) {
  for (const hostile of hostilePackets(family)) {
    describe(`IPv${family}: ${hostile.name}`, () => {
      it('arrives without filter and check', async () => {
        const taken = await takenBehind(ACCEPT_ALL, family, hostile);
        assert.notEqual(taken.length, 0);
        assert.equal(taken[0]?.fragmented, hostile.cause === 'fragment');
      });

      it(`is ${hostile.passesFilter ? 'not seen' : 'stopped'} by the filter alone`, async () => {
        const taken = await takenBehind(realFilter(family), family, hostile);
        assert.equal(taken.length > 0, hostile.passesFilter === true);
      });

      it('is stopped by the check alone', async () => {
        const open = () =>
          openWith(family, (native) => ({ attachFilter: () => native.attachFilter(ACCEPT_ALL) }));
        await using heard = listen(family, open);
        const reply = legitimateReply(family);
        await until(
          'both to be judged',
          () => heard.socket.counters[hostile.cause] > 0 && heard.payloads.length > 0,
          () => inject(...hostile.packets, reply.packet),
        );
        for (const payload of heard.payloads) {
          assert.deepEqual(payload, new Uint8Array(reply.payload));
        }
      });

      it('does not reach the owner, while a reply does', async () => {
        await using heard = listen(family);
        const reply = legitimateReply(family);
        await until(
          'the reply',
          () => heard.payloads.length > 0,
          () => inject(...hostile.packets, reply.packet),
        );
        for (const payload of heard.payloads) {
          assert.deepEqual(payload, new Uint8Array(reply.payload));
        }
      });
    });
  }
}

describe('IPv4 options', () => {
  it('would be taken for a UDP header by a parser that reads at offset 20', async () => {
    const hostile = hostilePackets(4).find(({ name }) => name.startsWith('IP options'));
    assert.ok(hostile);
    const [taken] = await takenBehind(ACCEPT_ALL, 4, hostile);
    const misread = decodeUdp(taken?.bytes.subarray(20) ?? new Uint8Array());
    assert.equal(misread?.sourcePort, serverOf(4).port);
    assert.equal(misread?.destinationPort, hostOf(4).port);
    assert.equal(misread?.payload.length, REPLY_LENGTH);
  });

  it("do not stand in the way of the server's reply", async () => {
    await using heard = listen(4);
    const reply = legitimateReply(4, ROUTER_ALERT);
    await until(
      'the reply with options',
      () => heard.payloads.length > 0,
      () => inject(reply.packet),
    );
    assert.deepEqual(heard.payloads[0], new Uint8Array(reply.payload));
  });
});
