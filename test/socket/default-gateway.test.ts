import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRoutes } from '../../src/socket/default-gateway.js';

const HEADER = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT';
const line = (...fields: string[]) => fields.join('\t');

test('default routes through a gateway are read, lowest metric first', () => {
  const table = [
    HEADER,
    line('wlan0', '00000000', '0101A8C0', '0003', '0', '0', '600', '00000000', '0', '0', '0'),
    line('eth0', '00000000', '0100000A', '0003', '0', '0', '100', '00000000', '0', '0', '0'),
    line('ppp0', '00000000', '00000000', '0001', '0', '0', '50', '00000000', '0', '0', '0'),
    line('eth0', '0000000A', '00000000', '0001', '0', '0', '100', '00FFFFFF', '0', '0', '0'),
    line('tun0', '00000000', '0100080A', '0003', '0', '0', '50', '00000080', '0', '0', '0'),
    '',
  ];
  assert.deepEqual(parseRoutes(table.join('\n')), [
    { interfaceName: 'eth0', address: '10.0.0.1' },
    { interfaceName: 'wlan0', address: '192.168.1.1' },
  ]);
});

test('anything else is no route', () => {
  for (const table of ['', HEADER, `${HEADER}\n\n`, 'x\ty\nz']) {
    assert.deepEqual(parseRoutes(table), []);
  }
});
