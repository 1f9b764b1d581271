import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NativeRawSocket } from '../../src/socket/binding.js';
import type { Family } from '../../src/wire/endpoint.js';
import { until } from './deadline.js';
import { legitimateReply } from './hostile-packets.js';
import { inject } from './packet-injection.js';
import { endsIn, listen, openNative, openWith, takeAll } from './raw-socket-peer.js';

const DEADLINE_MS = 10_000;

/** Injects a packet and returns when the sockets of this host have it, which its own socket shows. */
function injectAndAwait(family: Family, reply: ReturnType<typeof legitimateReply>): void {
  const witness = openNative(family);
  const deadline = Date.now() + DEADLINE_MS;
  try {
    inject(reply.packet);
    while (!takeAll(witness).some(({ bytes }) => endsIn(bytes, reply.payload))) {
      assert.ok(Date.now() < deadline, 'waited for the injected packet');
    }
  } finally {
    witness.close();
  }
}

/**
 * Opens a socket with one of our replies arriving at an unlucky moment, and a second reply later.
 * @returns whether the early one reached the owner
 */
async function hearsEarly(
  family: Family,
  open: (arrive: () => void) => NativeRawSocket,
): Promise<boolean> {
  const early = legitimateReply(family);
  await using heard = listen(family, () => open(() => injectAndAwait(family, early)));
  const late = legitimateReply(family);
  await until(
    'the later reply',
    () => heard.payloads.some((payload) => endsIn(payload, late.payload)),
    () => inject(late.packet),
  );
  return heard.payloads.some((payload) => endsIn(payload, early.payload));
}

for (const family of [4, 6] as const) {
  describe(`IPv${family}: a packet queued before the filter`, () => {
    const queuedBefore =
      (replace: (native: NativeRawSocket) => Partial<NativeRawSocket>) => (arrive: () => void) => {
        const native = openWith(family, replace);
        arrive();
        return native;
      };

    it('is heard when nothing drains the queue', async () => {
      assert.ok(
        await hearsEarly(
          family,
          queuedBefore(() => ({ drain: () => 0 })),
        ),
      );
    });

    it('is not heard, because the queue is drained', async () => {
      let drained = 0;
      const counting = queuedBefore((native) => ({
        drain() {
          const count = native.drain();
          drained += count;
          return count;
        },
      }));
      assert.equal(await hearsEarly(family, counting), false);
      assert.notEqual(drained, 0);
    });
  });

  describe(`IPv${family}: a packet that comes between draining and the filter`, () => {
    const afterDrain = (rejectAll: boolean) => (arrive: () => void) => {
      let filters = 0;
      let arrived = false;
      return openWith(family, (native) => ({
        attachFilter(program) {
          filters++;
          if (rejectAll || filters > 1) {
            native.attachFilter(program);
          }
        },
        drain() {
          const count = native.drain();
          if (count === 0 && !arrived) {
            arrived = true;
            arrive();
          }
          return count;
        },
      }));
    };

    it('is heard when not everything is rejected meanwhile', async () => {
      assert.ok(await hearsEarly(family, afterDrain(false)));
    });

    it('is not heard, because everything is rejected meanwhile', async () => {
      assert.equal(await hearsEarly(family, afterDrain(true)), false);
    });
  });
}
