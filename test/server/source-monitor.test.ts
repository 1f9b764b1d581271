import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SourceMonitor } from '../../src/server/source-monitor.js';
import { addressBytes } from '../../src/wire/endpoint.js';

function noted(...addresses: string[]): SourceMonitor {
  const monitor = new SourceMonitor();
  for (const [i, address] of addresses.entries()) {
    monitor.note(addressBytes(address), 0, address.includes(':') ? 6 : 4, i);
  }
  return monitor;
}

test('one private source for all keys is reported once, after a minute', () => {
  const monitor = noted('172.17.0.1', '172.17.0.1');
  assert.equal(monitor.report(2, 59_999), undefined);
  assert.equal(monitor.report(2, 60_000), '172.17.0.1');
  assert.equal(monitor.report(2, 70_000), undefined);
  assert.equal(noted('fd00::1', 'fd00::1').report(5, 60_000), 'fd00::1');
});

test('nothing is reported for one key, of two sources, or of a source that is not private', () => {
  assert.equal(noted('172.17.0.1').report(1, 60_000), undefined);
  assert.equal(noted('172.17.0.1', '172.17.0.2').report(2, 60_000), undefined);
  assert.equal(noted('172.17.0.1', 'fd00::1', '172.17.0.1').report(2, 60_000), undefined);
  assert.equal(noted('198.51.100.7', '198.51.100.7').report(2, 60_000), undefined);
  assert.equal(noted('127.0.0.1', '127.0.0.1').report(2, 60_000), undefined);
  assert.equal(noted().report(0, 60_000), undefined);
});
