import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CapturedPacket, crossedInitiations } from '../../src/lab/capture.js';
import { endpoint } from '../../src/wire/endpoint.js';

/** An initiation from one address to another; `other` overrides its fields. */
function packet(
  timeMs: number,
  from: string,
  to: string,
  other: Partial<CapturedPacket> = {},
): CapturedPacket {
  const [source, destination] = [endpoint(from, 1000), endpoint(to, 2000)];
  return { timeMs, source, destination, type: 1, length: 148, ...other };
}

describe('crossed initiations', () => {
  const [a, b, c] = ['198.51.100.10', '198.51.100.11', '198.51.100.12'];
  const count = (packets: readonly CapturedPacket[]): number =>
    crossedInitiations(packets, 50).length;

  it('are two of one pair, in opposite directions, within the time', () => {
    assert.equal(count([packet(0, a, b), packet(49, b, a)]), 1);
    assert.equal(count([packet(49, a, b), packet(0, b, a)]), 1);
    assert.equal(count([packet(0, a, b), packet(50, b, a)]), 0);
  });

  it('are not two of one direction, of different pairs or other packets', () => {
    assert.equal(count([packet(0, a, b), packet(1, a, b)]), 0);
    assert.equal(count([packet(0, a, b), packet(1, c, a), packet(1, b, c)]), 0);
    assert.equal(count([packet(0, a, b), packet(1, b, a, { type: 2, length: 92 })]), 0);
    assert.equal(count([packet(0, a, b), packet(1, b, a, { length: 64 })]), 0);
  });

  it('are found whichever ports the NATs chose', () => {
    const other = { source: endpoint(b, 41_000), destination: endpoint(a, 42_000) };
    assert.equal(count([packet(0, a, b), packet(1, b, a, other)]), 1);
  });
});
