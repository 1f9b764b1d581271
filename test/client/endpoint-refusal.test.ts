import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  endpointRefusal,
  offerRefusal,
  tunnelPrefixes,
} from '../../src/client/endpoint-refusal.js';
import { endpoint } from '../../src/wire/endpoint.js';

const ALLOWED = ['10.9.0.0/24', '2001:db8:9::/64', '192.0.2.7/32'];
const refusal = (
  address: string,
  { port = 51820, isServerLocal = false, allowedIps = ALLOWED } = {},
) =>
  endpointRefusal(endpoint(address, port), { tunnel: tunnelPrefixes(allowedIps), isServerLocal });

test('addresses of no host are refused', () => {
  for (const address of [
    ...['0.0.0.0', '224.0.0.1', '255.255.255.255', '169.254.1.1', '::', 'ff02::1', 'fe80::1'],
    '::ffff:192.0.2.1',
  ]) {
    assert.match(refusal(address) ?? '', /is no address of a host/, address);
  }
  assert.match(refusal('198.51.100.1', { port: 0 }) ?? '', /is no address of a host/);
});

test('loopback is refused unless the server is on this host too', () => {
  for (const address of ['127.0.0.1', '127.0.1.1', '::1']) {
    assert.match(refusal(address) ?? '', /the server's own host/);
    assert.equal(refusal(address, { isServerLocal: true }), undefined);
  }
});

test('an endpoint inside the AllowedIPs is refused, unless those route everything', () => {
  for (const address of ['10.9.0.2', '2001:db8:9::5', '192.0.2.7']) {
    assert.match(refusal(address) ?? '', /WireGuard would send into its own tunnel/);
  }
  for (const allowedIps of [
    ['0.0.0.0/0', '::/0'],
    ['0.0.0.0/1', '128.0.0.0/1'],
  ]) {
    assert.equal(refusal('198.51.100.1', { allowedIps }), undefined);
  }
});

test('public and private addresses are taken', () => {
  for (const address of ['198.51.100.1', '192.168.1.5', '100.64.0.1', '2001:db8::1', 'fd00::1']) {
    assert.equal(refusal(address), undefined);
  }
});

test('no server is a peer, and peers name none of the ports of any server', () => {
  const servers = [endpoint('198.51.100.1', 49918), endpoint('198.51.100.2', 50000)];
  const context = { tunnel: tunnelPrefixes([]), isServerLocal: false, servers };
  for (const server of servers) {
    assert.match(endpointRefusal(server, context) ?? '', /is a rendezvous server/);
    for (const port of [server.port, 49_919, 49_951, 3478]) {
      assert.match(offerRefusal({ ...server, port }, context) ?? '', /port of the server/);
    }
    assert.equal(endpointRefusal({ ...server, port: 49_920 }, context), undefined, 'a relay port');
    assert.equal(offerRefusal({ ...server, port: 51_820 }, context), undefined);
  }
  assert.equal(endpointRefusal(endpoint('198.51.100.1', 50000), context), undefined);
});
