import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canReach, SCOPE, type Scope, scopeOf } from '../../src/wire/endpoint-scope.js';

const ADDRESSES: Readonly<Record<keyof typeof SCOPE, readonly string[]>> = {
  none: [
    ...['0.0.0.0', '0.1.2.3', '169.254.0.1', '224.0.0.1', '239.255.255.255', '255.255.255.255'],
    ...['::', 'ff02::1', 'fe80::1', 'fe80::1%eth0', 'febf::1', '::ffff:192.0.2.1', '::192.0.2.1'],
  ],
  loopback: ['127.0.0.1', '127.0.1.1', '127.255.255.255', '::1'],
  private: [
    ...['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1'],
    ...['100.64.0.1', '100.127.255.255', 'fc00::1', 'fd12:3456::1'],
  ],
  global: [
    ...['9.255.255.255', '11.0.0.1', '172.15.255.255', '172.32.0.1', '192.167.0.1', '192.169.0.1'],
    ...['100.63.255.255', '100.128.0.1', '126.0.0.1', '128.0.0.1', '169.253.0.1', '223.255.255.1'],
    ...['2001:db8::1', '64:ff9b::192.0.2.1', 'fec0::1', '1::1', '::1:0:0:0:1', 'fb00::1'],
  ],
};

for (const [name, addresses] of Object.entries(ADDRESSES)) {
  test(`addresses of scope ${name} are recognized`, () => {
    for (const address of addresses) {
      assert.equal(scopeOf(address), SCOPE[name as keyof typeof SCOPE], address);
    }
  });
}

test('an address is disclosed to hosts that can reach it, and to no others', () => {
  const { none, loopback, private: site, global } = SCOPE;
  const targets: readonly Scope[] = [none, loopback, site, global];
  const reach = (asker: Scope) => targets.map((target) => canReach(asker, target));
  assert.deepEqual(reach(global), [false, false, false, true]);
  assert.deepEqual(reach(site), [false, false, true, true]);
  assert.deepEqual(reach(loopback), [false, true, true, true]);
  assert.deepEqual(reach(none), [false, false, true, true], 'link-local');
});
