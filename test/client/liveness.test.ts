import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Liveness } from '../../src/client/liveness.js';
import { handshakeAt, peer, WALL, X } from './bench.js';

const CONNECTED = { endpoint: X, persistentKeepalive: 25, ...handshakeAt(0) };

/** A peer that connected at 0, read with the given counters at the given times. */
function readAt(...readings: [now: number, receivedBytes: number, sentBytes: number][]): Liveness {
  const liveness = new Liveness(peer());
  for (const [now, receivedBytes, sentBytes] of readings) {
    liveness.read(peer({ ...CONNECTED, receivedBytes, sentBytes }), now, WALL + now);
  }
  return liveness;
}

describe('a connected peer', () => {
  it('is alive while its handshake is fresh, also without traffic', () => {
    const quiet = readAt([0, 92, 148], [100_000, 92, 148 + 4 * 32]);
    assert.equal(quiet.isAlive(149_000), true);
    assert.equal(quiet.isAlive(150_000), false);
  });

  it('is gone after 15 s in which WireGuard sends and nothing comes back', () => {
    const readings: [number, number, number][] = [[0, 92, 148]];
    for (let now = 2000; now <= 20_000; now += 2000) {
      readings.push([now, 92, 148 + now]);
    }
    const liveness = readAt(...readings);
    // Of the first 2 s one counts.
    assert.equal(liveness.isAlive(15_999), true);
    assert.equal(liveness.isAlive(16_000), false);
  });

  it('stays alive when it answers within 15 s, and when only keepalives are sent', () => {
    const answers = readAt(
      [0, 92, 148],
      [2000, 92, 1148],
      [12_000, 124, 2148],
      [20_000, 124, 3148],
    );
    assert.equal(answers.isAlive(30_000), true);
    const keepalives = readAt(
      [0, 92, 148],
      [25_000, 92, 180],
      [50_000, 92, 212],
      [75_000, 92, 244],
    );
    assert.equal(keepalives.isAlive(140_000), true);
  });

  it('is gone when its keepalives stop', () => {
    const rhythm: [number, number, number][] = [0, 1, 2, 3, 4].map((i) => [
      i * 25_000,
      92 + i * 32,
      148 + i * 32,
    ]);
    const liveness = readAt(...rhythm);
    assert.equal(liveness.isAlive(100_000 + 49_000), true);
    const later = readAt(...rhythm.slice(0, 4));
    assert.equal(later.isAlive(75_000 + 64_000), true);
    assert.equal(later.isAlive(75_000 + 65_000), false);
  });
});

describe('a handshake time that cannot be', () => {
  for (const latestHandshakeMs of [5000, WALL + 400 * 24 * 3_600_000]) {
    it(`${latestHandshakeMs}: the peer is alive as long as bytes arrive`, () => {
      const liveness = new Liveness(peer());
      const read = (now: number, receivedBytes: number): void =>
        liveness.read(peer({ latestHandshakeMs, receivedBytes }), now, WALL + now);
      read(0, 92);
      assert.equal(liveness.handshakeAge(0), undefined);
      assert.equal(liveness.isAlive(0), true);
      read(25_000, 124);
      assert.equal(liveness.isAlive(50_000), true);
      read(60_000, 124);
      assert.equal(liveness.isAlive(60_000), false);
    });
  }
});
