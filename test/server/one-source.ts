import assert from 'node:assert/strict';
import { openService } from '../../src/server/service.js';
import type { Endpoint } from '../../src/wire/endpoint.js';
import { until } from '../native/deadline.js';
import type { LoopbackPeer } from './loopback-peer.js';
import { request } from './requests.js';

/**
 * One source sends 1000 requests with new keys to a server that allows it 150 and has room for 200: it gets
 * no more than its rate and its share, and a peer from elsewhere is served as before.
 * @param share entries that the source may have beside the peer's
 */
export async function assertOneSourceIsBounded(
  listen: Endpoint,
  peer: LoopbackPeer,
  send: (server: Endpoint, payload: Uint8Array) => Promise<void>,
  share: number,
): Promise<void> {
  const limits = { maxPeers: 200, sourceRate: 1, sourceBurst: 150 };
  await using service = await openService({ listen: [listen], ...limits });
  const server = service.addresses[0]!;
  assert.deepEqual(await peer.ask(server, 1, 1), peer.endpoint);
  for (let i = 0; i < 1000; i++) {
    await send(server, request('', 1000 + i, 1).payload);
  }
  await until('the flood to be read', () => service.counts().sockets.received === 1001);
  const { admission, classic, table } = service.counts();
  const answered = classic.requests - 1;
  // The bucket's 150, and one more for each second that the flood took.
  assert.ok(answered >= 150 && answered < 900, `${answered} answered`);
  assert.equal(admission.limited, 1000 - answered);
  assert.equal(table.peers, 1 + share);
  assert.equal(classic.refused, answered - share);
  assert.deepEqual(await peer.ask(server, 1, 1), peer.endpoint);
  assert.equal(service.counts().classic.refreshes, 1);
}
