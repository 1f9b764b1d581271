import type { Status } from '../../src/client/status/status.js';

/** A status with everything in it. */
export const SAMPLE_STATUS: Status = {
  format: 1,
  version: '1.2.3',
  time: '2026-11-29T02:00:00.000Z',
  pid: 1234,
  startedAt: '2026-11-29T01:00:00.000Z',
  interface: 'wg0',
  publicKey: 'hgfeBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8E=',
  listenPort: 51820,
  fwmark: 51820,
  servers: [
    {
      name: 'rv.example.org:49918',
      protocol: 'sealed',
      publicKey: 'oTC5BA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8E=',
      endpoint: '192.0.2.1:49918',
      roundTripMs: 12.3,
      state: 'answers',
    },
  ],
  mapping: { ipv4: '203.0.113.7:40001' },
  nat: { mapping: 'endpoint-independent', portMapping: 'none' },
  counts: { peers: 2, connected: 1, connecting: 0, unknown: 1, asking: 0 },
  peers: [
    {
      publicKey: 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=',
      name: 'laptop',
      state: 'connected',
      path: 'direct',
      endpoint: '198.51.100.9:51820',
      roundTripMs: 23.4,
      handshakeAgeSeconds: 3,
      since: '2026-11-29T01:55:00.000Z',
      change: {
        time: '2026-11-29T01:55:00.000Z',
        what: 'endpoint 198.51.100.9:51820',
        why: 'WireGuard followed the peer',
      },
      answer: ['198.51.100.9:51820'],
      offers: ['10.0.0.2:51820', '[2001:db8::2]:51820'],
      nat: { mapping: 'address-dependent' },
    },
    {
      publicKey: 'AAAABBBBboUvnH4htodjb6e697QjLERt1NAB4mZqp8E=',
      state: 'unknown',
      since: '2026-11-29T01:59:00.000Z',
      reason: 'the server does not know it: is its client running, with the same server?',
    },
  ],
  problems: [
    {
      topic: 'server',
      text: 'no answer from rv.example.org (port 49918): is the server running, and its UDP port open? still asking',
      since: '2026-11-29T01:59:00.000Z',
    },
  ],
};
