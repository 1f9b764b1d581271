import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  sameTunnel,
  type Tunnel,
  tunnelEndpoints,
  tunnelProblem,
} from '../../src/dns/tunnel-listeners.js';
import { endpoint, formatEndpoint } from '../../src/wire/endpoint.js';

const BOTH: Tunnel = { index: 7, addresses: ['10.9.0.1', '10.9.0.2', 'fd00::1'] };
const ONLY_IPV6: Tunnel = { index: 7, addresses: ['fd00::1'] };
const IPV4 = endpoint('0.0.0.0', 53);
const IPV6 = endpoint('::', 53);

function listened(listen: Parameters<typeof tunnelEndpoints>[0], tunnel = BOTH): string[] {
  return tunnelEndpoints(listen, tunnel).map(formatEndpoint);
}

test('an address that the interface lacks is not listened at', () => {
  assert.deepEqual(listened([endpoint('192.0.2.1', 53), endpoint('fd00::1', 53)]), [
    '[fd00::1]:53',
  ]);
});

test('a wildcard stands for the addresses of its family, each once', () => {
  assert.deepEqual(listened([IPV4]), ['10.9.0.1:53', '10.9.0.2:53']);
  assert.deepEqual(listened([IPV6]), ['[fd00::1]:53']);
  assert.deepEqual(listened([endpoint('10.9.0.2', 53), IPV4]), ['10.9.0.2:53', '10.9.0.1:53']);
  assert.deepEqual(listened([IPV4, endpoint('0.0.0.0', 54)], ONLY_IPV6), []);
});

test('another interface of the same name, or another address, is another tunnel', () => {
  assert.equal(sameTunnel(BOTH, { ...BOTH, addresses: [...BOTH.addresses] }), true);
  assert.equal(sameTunnel(BOTH, { ...BOTH, index: 8 }), false);
  assert.equal(sameTunnel(BOTH, ONLY_IPV6), false);
});

test('if there is nothing to listen on, a line says why and what to do', () => {
  assert.equal(tunnelProblem('wg0', [IPV4, IPV6], ONLY_IPV6), undefined);
  const problem = (tunnel: Tunnel) => tunnelProblem('wg0', [IPV4], tunnel) ?? '';
  assert.match(problem({ index: undefined, addresses: [] }), /^there is no interface wg0: create/);
  assert.match(problem({ index: 7, addresses: [] }), /^wg0 is down or has no address: bring it up/);
  assert.match(
    problem(ONLY_IPV6),
    /^wg0 has none of the addresses to listen on \(--listen\): .*listen on fd00::1, or .*--public$/,
  );
  assert.match(tunnelProblem('wg0', [endpoint('127.0.0.1', 53)], BOTH) ?? '', /^wg0 has none of/);
});
