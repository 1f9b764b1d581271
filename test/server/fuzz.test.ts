/** Hostile datagrams to a whole server: by its sockets, its receive loop and all its protocols. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { until } from '../../src/lab/index.js';
import { BIND_LENGTH } from '../../src/wire/relay.js';
import { encodeStunRequest, STUN_ATTRIBUTE, TRANSACTION_LENGTH } from '../../src/wire/stun.js';
import { LoopbackPeer } from './loopback-peer.js';
import { ServerCommand } from './server-command.js';

const DATAGRAMS = 1_000_000;
/** So many are under way before the server has counted them: fewer than its receive buffer holds. */
const WINDOW = 200;
const POOL = 4096;
const RELAY_PORTS = [49_320, 49_321] as const;
const SLACK_BYTES = 16 * 2 ** 20;

/** Messages of every protocol of the server, whole and in part, with a few bytes changed. */
function hostile(): Uint8Array[] {
  const stun = encodeStunRequest(randomBytes(TRANSACTION_LENGTH));
  const types = Object.values(STUN_ATTRIBUTE);
  const attributes = fc
    .array(fc.tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 40 })), { maxLength: 6 })
    .map((list) => {
      const body = Buffer.concat(
        list.map(([type, value]) => {
          const head = Buffer.alloc(4);
          head.writeUInt16BE(type);
          head.writeUInt16BE(value.length, 2);
          return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
        }),
      );
      const message = Buffer.concat([stun, body]);
      message.writeUInt16BE(body.length, 2);
      return Uint8Array.from(message);
    });
  const bind = fc.constant(Uint8Array.from([0, ...randomBytes(BIND_LENGTH - 1)]));
  const wireguard = fc
    .tuple(fc.constantFrom(1, 2, 3, 4), fc.constantFrom(32, 64, 92, 148, 1456))
    .map(([type, length]) => Uint8Array.from([type, 0, 0, 0, ...randomBytes(length - 4)]));
  const whole = fc.oneof(attributes, bind, wireguard, fc.uint8Array({ maxLength: 1500 }));
  const changed = fc
    .tuple(whole, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), fc.nat(20))
    .map(([bytes, changes, cut]) => {
      const copy = bytes.slice(0, cut < 4 ? bytes.length - cut : bytes.length);
      for (const [at, value] of changes) {
        copy[at % Math.max(copy.length, 1)] = value;
      }
      return copy;
    });
  return fc.sample(changed, POOL);
}

test('a million random and mutated datagrams to all ports: nothing is forwarded, memory stays flat', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-fuzz-'));
  t.after(() => rmSync(folder, { recursive: true }));
  await using server = await ServerCommand.start(
    ...['--key', join(folder, 'key'), '--relay', '--relay-ports', RELAY_PORTS.join('-')],
    ...['--source-rate', '0'],
  );
  assert.match(await server.line(), /^public key .* \(relays on ports/);
  const sender = createSocket('udp4').bind(0, '127.0.0.66');
  await once(sender, 'listening');
  t.after(() => sender.close());
  const ports = [server.endpoint.port, ...RELAY_PORTS];
  const pool = hostile();
  let sent = 0;
  const send = async (count: number): Promise<void> => {
    const end = sent + count;
    while (sent < end) {
      const window = Array.from({ length: WINDOW }, () => {
        const payload = pool[(sent * 7919) % POOL]!;
        const port = ports[sent % ports.length]!;
        sent++;
        return new Promise((resolve) => sender.send(payload, port, '127.0.0.1', resolve));
      });
      await Promise.all(window);
    }
  };
  await send(DATAGRAMS / 2);
  const before = server.residentBytes();
  await send(DATAGRAMS / 2);
  const after = server.residentBytes();
  await until('the last one', async () => {
    const { received, kernelDrops } = (await server.counts()).sockets;
    return received + kernelDrops >= DATAGRAMS;
  });
  await using peer = await LoopbackPeer.open('127.0.0.7');
  assert.deepEqual(await peer.ask(server.endpoint, 1, 1), peer.endpoint, 'it still serves');
  const { code, counts } = await server.stop();
  t.diagnostic(JSON.stringify(counts));
  t.diagnostic(`resident: ${before} and ${after} bytes`);
  assert.equal(code, 0);
  assert.equal(counts.relay?.forwarded, 0);
  assert.ok((counts.stun?.answered ?? 0) > 1000, 'requests that the changes left whole');
  assert.ok((counts.stun?.malformed ?? 0) > 1000);
  assert.ok(after < before + SLACK_BYTES, `${before} and ${after} bytes`);
});
