import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ChangeGate } from '../../src/cli/change-gate.js';

/** How many of so many changes at a time are admitted. */
function admitted(gate: ChangeGate, count: number, now: number): number {
  return Array.from({ length: count }, () => gate.admits(now)).filter(Boolean).length;
}

describe('the gate of log lines about changes', () => {
  it('admits ten in a second, and counts the others until it is over', () => {
    const gate = new ChangeGate();
    assert.equal(admitted(gate, 7, 0), 7);
    assert.equal(admitted(gate, 7, 900), 3);
    assert.equal(gate.takeLeftOut(999), 0, 'not yet');
    assert.equal(gate.takeLeftOut(1000), 4);
    assert.equal(gate.takeLeftOut(1000), 0, 'once');
  });

  it('admits none in the seconds after one with more, until one has few', () => {
    const gate = new ChangeGate();
    admitted(gate, 100, 0);
    assert.equal(gate.takeLeftOut(1000), 90);
    assert.equal(admitted(gate, 20, 1500), 0);
    assert.equal(gate.takeLeftOut(2000), 20);
    assert.equal(admitted(gate, 3, 2500), 0);
    assert.equal(gate.takeLeftOut(3000), 3);
    assert.equal(admitted(gate, 3, 3500), 3);
    assert.equal(gate.takeLeftOut(4000), 0);
  });

  it('admits again after a pause, however busy it was', () => {
    const gate = new ChangeGate();
    admitted(gate, 100, 0);
    assert.equal(gate.takeLeftOut(60_000), 90);
    assert.equal(admitted(gate, 1, 120_000), 1);
  });

  it('loses nothing if nobody asks in time', () => {
    const gate = new ChangeGate();
    admitted(gate, 100, 0);
    admitted(gate, 100, 5000);
    assert.equal(gate.takeLeftOut(6000), 190);
  });
});
