import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DnsChannel } from '../../../src/client/dns/dns-channel.js';
import { endpoint } from '../../../src/wire/endpoint.js';

test('a socket that cannot be connected makes room for the next', async () => {
  let failed: (error: Error) => void = () => {};
  const failure = new Promise<Error>((resolve) => {
    failed = resolve;
  });
  const channel = new DnsChannel({
    onConnected: assert.fail,
    onSent() {},
    onMessage: () => assert.fail(),
    onError: failed,
  });
  // The system refuses to send there without SO_BROADCAST.
  const nowhere = endpoint('255.255.255.255', 53);
  assert.equal(channel.use(nowhere), true);
  assert.equal(channel.use(nowhere), false);
  assert.match((await failure).message, /EACCES|ENETUNREACH/);
  assert.equal(channel.isConnected, false);
  assert.equal(channel.use(nowhere), true);
  await channel.close();
});

test('without a server a query over TCP fails', async () => {
  const events = { onConnected() {}, onSent() {}, onMessage() {}, onError() {} };
  await assert.rejects(new DnsChannel(events).exchange(new Uint8Array(1), 1), /no server/);
});
