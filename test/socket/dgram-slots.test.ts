import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADDRESS_WORDS, createDatagramBatch } from '../../src/socket/datagram-batch.js';
import { remoteOf, storeDatagram } from '../../src/socket/dgram-slots.js';
import { ZoneNames } from '../../src/socket/zone-names.js';
import type { Family } from '../../src/wire/endpoint.js';

function thereAndBack(address: string, family: Family, zones = new ZoneNames()) {
  const batch = createDatagramBatch(2, 64);
  batch.addresses.fill(0xffff_ffff);
  storeDatagram(batch, 1, new Uint8Array(3), { address, port: 4000 }, zones);
  assert.equal(batch.lengths[1], 3);
  assert.equal(batch.addresses[ADDRESS_WORDS - 1], 0xffff_ffff, 'another slot');
  return remoteOf(batch, 1, family, zones);
}

test('a reply goes where its datagram came from, for any name of the interface', () => {
  // None of these exists here; the last one is how Node reports a name in UTF-8.
  const zones = [
    'eth0',
    'eth0.100',
    'br-lan',
    'docker_gwbridge',
    'wg-tunnel',
    '7',
    'Ã©Ã©Ã©Ã©Ã©Ã©Ã©',
  ];
  for (const zone of zones) {
    const address = `fe80::1%${zone}`;
    assert.deepEqual(thereAndBack(address, 6), { address, port: 4000 });
  }
  for (const address of ['192.0.2.1', '2001:db8::1', '::1', 'fe80::1']) {
    const family = address.includes(':') ? 6 : 4;
    assert.deepEqual(thereAndBack(address, family), { address, port: 4000 });
  }
});

test('a reply to an address that is not link-local has no zone', () => {
  assert.equal(thereAndBack('2001:db8::1%eth0', 6).address, '2001:db8::1');
});

test('names keep their numbers, in bounded memory', () => {
  const zones = new ZoneNames();
  const first = zones.numberOf('eth0');
  assert.notEqual(first, 0);
  assert.equal(zones.numberOf('eth0'), first);
  for (let i = 0; i < 5000; i++) {
    const name = `veth${i}`;
    assert.equal(zones.nameOf(zones.numberOf(name)), name);
  }
  assert.equal(zones.nameOf(first), undefined, 'of long ago');
  assert.equal(zones.nameOf(0), undefined);
  assert.notEqual(zones.numberOf('eth0'), first, 'a number has one meaning for ever');
});
