import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Admission } from '../../src/limits/admission.js';
import { RateLimiter } from '../../src/limits/rate-limiter.js';
import { ClassicHandler } from '../../src/server/classic/classic-handler.js';
import { EndpointTable } from '../../src/server/classic/endpoint-table.js';
import { Dispatcher } from '../../src/server/dispatcher.js';
import { Ports, planSockets } from '../../src/server/ports.js';
import { Outbox } from '../../src/server/sealed/outbox.js';
import { SourceMonitor } from '../../src/server/source-monitor.js';
import { StunHandler } from '../../src/server/stun-handler.js';
import { ADDRESS_WORDS, createDatagramBatch } from '../../src/socket/datagram-batch.js';
import { crc32 } from '../../src/wire/crc32.js';
import {
  type Endpoint,
  endpoint,
  formatAddress,
  formatEndpoint,
  parseEndpoint,
} from '../../src/wire/endpoint.js';
import { decodeStunResponse } from '../../src/wire/stun-response.js';
import { hex } from '../wire/codec.js';
import { batchOf, replyIn } from './requests.js';

const STRIDE = 1280;
const TRANSACTION = 'b7e7a701bc34d686fa87dfae';
const CLIENT = parseEndpoint('203.0.113.9:4001');
const PLAIN = hex(`00010000 2112a442 ${TRANSACTION}`);
const OTHER_PORT = '02';
const OTHER_ADDRESS = '04';
const BOTH = '06';
const asking = (flags: string) => hex(`00010008 2112a442 ${TRANSACTION} 00030004 000000${flags}`);

interface Sent {
  readonly from: number;
  readonly to: string;
  readonly payload: Uint8Array;
}

/** The pure part of a server with STUN, and of nothing else but the classic protocol. */
class StunServer {
  readonly ports = new Ports();
  readonly sent: Sent[] = [];
  readonly stun: StunHandler;
  readonly admission: Admission;
  private readonly outbox = new Outbox();
  private readonly dispatcher: Dispatcher;
  private readonly roles: ('main' | 'probe' | 'stun')[] = [];

  constructor(listen: readonly string[], { rate = 0, burst = 1 } = {}) {
    const planned = planSockets({
      listen: listen.map(parseEndpoint),
      probePort: 49919,
      stun: true,
    });
    for (const { listen: address, role } of planned) {
      this.addSocket(this.roles.length, address);
      this.ports.add({ address, role });
      this.roles.push(role);
    }
    this.admission = new Admission({
      limiter: new RateLimiter({ rate, burst }),
      hashKey: { low: 3, high: 4 },
      minLength: 64,
      maxLength: 64,
    });
    const share = { maxPeers: 10, ttlMs: 1000, share: 0.5, hashKey: { low: 1, high: 2 } };
    const classic = new ClassicHandler(new EndpointTable(share), new SourceMonitor());
    this.stun = new StunHandler(this.ports, this.outbox);
    this.dispatcher = new Dispatcher(this.admission, classic, undefined, this.stun);
  }

  /** The reply in place to a datagram at the socket of that address. */
  ask(at: string, payload: Uint8Array, from: Endpoint = CLIENT): Uint8Array | undefined {
    const socket = this.roles.findIndex((_, i) => formatEndpoint(this.ports.address(i)) === at);
    const { family, address, port } = from;
    const batch = batchOf([{ from: address, port, payload }], STRIDE);
    this.dispatcher.answer(batch, 1, family, socket, 0, this.roles[socket]);
    this.outbox.flush();
    return replyIn(batch, 0);
  }

  private addSocket(number: number, { family }: Endpoint): void {
    const outgoing = createDatagramBatch(4, STRIDE);
    const flush = (count: number): number => {
      for (let slot = 0; slot < count; slot++) {
        const at = slot * ADDRESS_WORDS;
        const bytes = new Uint8Array(outgoing.addresses.buffer, at * 4, family === 4 ? 4 : 16);
        const to = formatEndpoint(endpoint(formatAddress(bytes), outgoing.addresses[at + 4]!));
        this.sent.push({ from: number, to, payload: replyIn(outgoing, slot)! });
      }
      return count;
    };
    this.outbox.add({ outgoing, flush });
  }
}

const ONE = ['198.51.100.1:49918'] as const;
const TWO = ['198.51.100.1:49918', '198.51.100.2:49918'] as const;

test('the sockets: those listed, the second port of each address, and 3478', () => {
  const plan = (listen: readonly string[], probePort: number | undefined, stun: boolean) =>
    planSockets({ listen: listen.map(parseEndpoint), probePort, stun }).map(
      ({ listen, role }) => `${role} ${formatEndpoint(listen)}`,
    );
  assert.deepEqual(plan(['0.0.0.0:49918', '[::]:49918'], 49919, true), [
    'main 0.0.0.0:49918',
    'main [::]:49918',
    'probe 0.0.0.0:49919',
    'probe [::]:49919',
    'stun 0.0.0.0:3478',
    'stun [::]:3478',
  ]);
  assert.deepEqual(plan(['192.0.2.1:1'], undefined, false), ['main 192.0.2.1:1']);
  assert.deepEqual(plan(['127.0.0.1:0', '127.0.0.1:0'], 49919, false), [
    'main 127.0.0.1:0',
    'main 127.0.0.1:0',
    'probe 127.0.0.1:0',
  ]);
  assert.deepEqual(plan(['192.0.2.1:49918', '192.0.2.1:49919'], 49919, false), [
    'main 192.0.2.1:49918',
    'main 192.0.2.1:49919',
  ]);
});

test('a plain request is answered with the address and nothing else', () => {
  const server = new StunServer(ONE);
  assert.deepEqual(
    server.ask(ONE[0], PLAIN),
    hex(`0101000c 2112a442 ${TRANSACTION} 00200008 00012eb3 ea12d54b`),
  );
  const ipv6 = new StunServer(['[2001:db8::1]:49918']);
  const reply = ipv6.ask('[2001:db8::1]:49919', PLAIN, parseEndpoint('[2001:db8::7]:5000'));
  assert.equal(reply?.length, 44);
  assert.deepEqual(decodeStunResponse(reply!)?.mapped, parseEndpoint('[2001:db8::7]:5000'));
});

test('FINGERPRINT is answered with FINGERPRINT, and a wrong one not at all', () => {
  const server = new StunServer(ONE);
  const request = hex(`00010008 2112a442 ${TRANSACTION} 80280004 00000000`);
  assert.equal(server.ask(ONE[0], request), undefined);
  assert.equal(server.stun.counts.malformed, 1);
  new DataView(request.buffer).setUint32(24, (crc32(request, 0, 20) ^ 0x5354554e) >>> 0);
  const reply = server.ask(ONE[0], request);
  assert.deepEqual(reply?.slice(-8, -4), hex('80280004'));
  assert.deepEqual(decodeStunResponse(reply!)?.mapped, CLIENT);
});

test('with one address the other port answers on demand, but is not advertised (RFC 5780, 6)', () => {
  const server = new StunServer(ONE);
  assert.equal(server.ask(ONE[0], asking(OTHER_PORT)), undefined, 'not in place');
  const [sent] = server.sent;
  assert.equal(formatEndpoint(server.ports.address(sent!.from)), '198.51.100.1:49919');
  assert.equal(sent?.to, formatEndpoint(CLIENT));
  const { mapped, origin, other } = decodeStunResponse(sent!.payload)!;
  assert.deepEqual(
    [mapped, origin, other],
    [CLIENT, parseEndpoint('198.51.100.1:49919'), undefined],
  );
  for (const flags of [OTHER_ADDRESS, BOTH]) {
    const refused = server.ask(ONE[0], asking(flags));
    assert.equal(decodeStunResponse(refused!)?.errorCode, 420);
    assert.deepEqual(refused?.slice(-8), hex('000a0002 00030000'));
  }
});

test('with two addresses every combination of the four sockets answers', () => {
  const from = (at: string, flags: string) => {
    const server = new StunServer(TWO);
    assert.equal(server.ask(at, asking(flags)), undefined);
    const [sent] = server.sent;
    const { origin, other, mapped } = decodeStunResponse(sent!.payload)!;
    const socket = formatEndpoint(server.ports.address(sent!.from));
    assert.deepEqual(mapped, CLIENT);
    assert.equal(formatEndpoint(origin!), socket);
    return [socket, formatEndpoint(other!)];
  };
  const [a, b] = ['198.51.100.1', '198.51.100.2'];
  assert.deepEqual(from(`${a}:49918`, OTHER_PORT), [`${a}:49919`, `${b}:49919`]);
  assert.deepEqual(from(`${a}:49918`, OTHER_ADDRESS), [`${b}:49918`, `${b}:49919`]);
  assert.deepEqual(from(`${a}:49918`, BOTH), [`${b}:49919`, `${b}:49919`]);
  assert.deepEqual(from(`${b}:49919`, OTHER_PORT), [`${b}:49918`, `${a}:49918`]);
  assert.deepEqual(from(`${b}:49919`, BOTH), [`${a}:49918`, `${a}:49918`]);
  assert.deepEqual(from(`${a}:3478`, OTHER_PORT), [`${a}:49919`, `${b}:49919`]);
  assert.deepEqual(from(`${a}:3478`, OTHER_ADDRESS), [`${b}:3478`, `${b}:49919`]);
});

test('RESPONSE-PORT: to another port of the source, from a server of two addresses only', () => {
  const request = hex(`00010010 2112a442 ${TRANSACTION} 00270004 1388 0000 00030004 00000006`);
  const server = new StunServer(TWO);
  server.ask(TWO[0], request);
  assert.equal(server.sent[0]?.to, '203.0.113.9:5000');
  assert.deepEqual(decodeStunResponse(server.sent[0]!.payload)?.mapped, CLIENT);
  const refused = new StunServer(ONE).ask(ONE[0], request);
  assert.equal(decodeStunResponse(refused!)?.errorCode, 420);
});

test('unknown attributes that have to be understood: 420 with their list', () => {
  const server = new StunServer(ONE);
  const request = hex(`00010010 2112a442 ${TRANSACTION} 00240004 6e0001ff 80290004 00000000`);
  assert.deepEqual(
    server.ask(ONE[0], request),
    hex(`01110010 2112a442 ${TRANSACTION} 00090004 00000414 000a0002 00240000`),
  );
  const long = new Uint8Array(1400);
  long.set(hex(`00010564 2112a442 ${TRANSACTION} 00260560`));
  const padding = server.ask(ONE[0], long);
  assert.deepEqual(padding?.slice(-8), hex('000a0002 00260000'), 'PADDING');
  assert.equal(server.stun.counts.unknownAttributes, 2);
});

test('RFC 3489: without cookie, MAPPED-ADDRESS and SOURCE-ADDRESS', () => {
  const server = new StunServer(ONE);
  const reply = server.ask(ONE[0], hex(`00010000 00112233 ${TRANSACTION}`));
  assert.deepEqual(
    reply,
    hex(`01010018 00112233 ${TRANSACTION}
      00010008 00010fa1 cb007109 00040008 0001c2fe c6336401`),
  );
  const refused = server.ask(ONE[0], hex(`00010008 00112233 ${TRANSACTION} 00030004 00000004`));
  assert.deepEqual(refused?.slice(-8), hex('000a0004 00030003'), 'an even list: no padding then');
});

test('64 bytes without cookie are a classic request, whatever they begin with', () => {
  const server = new StunServer(ONE);
  const request = new Uint8Array(64).fill(7);
  request.set(hex('0001002c'));
  assert.equal(server.ask(ONE[0], request)?.length, 0, 'unknown');
  assert.deepEqual(server.ask('198.51.100.1:49919', request), undefined, 'not at the second port');
  assert.deepEqual(server.ask('198.51.100.1:3478', request), undefined);
  assert.equal(server.admission.counts.malformed, 2);
  request.set(hex('2112a442'), 4);
  assert.equal(server.ask(ONE[0], request), undefined, 'STUN, with an attribute that exceeds it');
  assert.equal(server.stun.counts.malformed, 1);
});

test('STUN shares the rate of its source; port 0 is not answered', () => {
  const server = new StunServer(ONE, { rate: 1, burst: 2 });
  const replies = [1, 2, 3].map(() => server.ask(ONE[0], PLAIN));
  assert.deepEqual(
    replies.map((it) => it?.length),
    [32, 32, undefined],
  );
  assert.equal(server.admission.counts.limited, 1);
  assert.equal(server.ask(ONE[0], PLAIN, { ...CLIENT, port: 0 }), undefined);
});

test('no answer exceeds its request by more than the address and two others of RFC 5780', () => {
  const two = new StunServer(TWO);
  const one = new StunServer(ONE);
  const attribute = fc.tuple(
    fc.constantFrom(0x03, 0x24, 0x26, 0x27, 0x8022, 0x06, 0x7fff),
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(attribute, { maxLength: 8 }), fc.boolean(), (attributes, isClassic) => {
      const body = attributes.flatMap(([type, value]) => [type >> 8, type & 255, 0, 4, ...value]);
      const request = Uint8Array.of(0, 1, 0, body.length, ...PLAIN.subarray(4), ...body);
      request[4] = isClassic ? 0 : 0x21;
      const plain = one.ask(ONE[0], request)?.length ?? one.sent.pop()?.payload.length ?? 0;
      const full = two.ask(TWO[0], request)?.length ?? two.sent.pop()?.payload.length ?? 0;
      assert.ok(plain <= request.length + 24, `${plain} for ${request.length}`);
      assert.ok(full <= request.length + 36, `${full} for ${request.length}`);
    }),
  );
});

test('random and mutated requests never throw', () => {
  const server = new StunServer(TWO);
  const samples = [PLAIN, asking(BOTH), hex(`00010004 2112a442 ${TRANSACTION} 80220000`)];
  fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      fc.array(fc.tuple(fc.nat(31), fc.nat(255)), { maxLength: 4 }),
      fc.nat(40),
      (sample, changes, length) => {
        const bytes = new Uint8Array(length);
        bytes.set(sample.subarray(0, length));
        for (const [at, value] of changes) {
          bytes[at] = value;
        }
        server.ask(TWO[0], bytes);
      },
    ),
    { numRuns: 5000 },
  );
});
