import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decode, RECURSION_DESIRED } from 'dns-packet';
import fc from 'fast-check';
import { device, FIRST_NAME, numberedKey, peer, query, Registry, SERVICE } from './asking.js';

const REFUSALS = new Set([1, 4, 5]); // FORMERR, NOTIMP, REFUSED
const HEADER = 12;

const rcode = (reply: Buffer) => (reply[3] as number) & 0xf;

/** The largest reply that a query over UDP allows, read as plainly as can be. */
function allowed(message: Uint8Array): number {
  try {
    const opt = decode(Buffer.from(message)).additionals?.find(({ type }) => type === 'OPT');
    const size = (opt as { udpPayloadSize?: number } | undefined)?.udpPayloadSize ?? 0;
    return Math.min(Math.max(size, 512), 1232);
  } catch {
    return 512;
  }
}

/** Checks what holds of every reply. */
function checkReply(message: Uint8Array, reply: Buffer | undefined): void {
  if (reply === undefined) {
    return;
  }
  assert.ok(reply.length <= allowed(message), `${reply.length} bytes`);
  assert.ok(reply.length >= HEADER);
  assert.deepEqual(reply.subarray(0, 2), Buffer.from(message.subarray(0, 2)), 'the ID');
  assert.ok(((reply[2] as number) & 0x80) !== 0, 'a response');
  decode(reply);
}

describe('hostile queries', () => {
  const many = Array.from({ length: 300 }, (_, i) =>
    peer(i + 1, `10.9.${i >> 8}.${i & 255}:51820`),
  );
  const registry = new Registry(device(many));
  const valid = query(SERVICE, 'PTR', { udpSize: 1232, dnssecOk: true });

  it('every truncation is passed over, or answered FORMERR', () => {
    for (let length = 0; length < valid.length; length++) {
      const reply = registry.respond(valid.subarray(0, length));
      assert.equal(reply === undefined, length < HEADER, `length ${length}`);
      assert.equal(reply === undefined ? 1 : rcode(reply), 1, `length ${length}`);
    }
  });

  it('bytes after the message are answered FORMERR, up to any length', () => {
    for (const extra of [1, 2, 11, 500, 2000, 65_000]) {
      const reply = registry.respond(Buffer.concat([valid, Buffer.alloc(extra)]));
      assert.equal(rcode(reply as Buffer), 1);
      assert.equal(reply?.length, HEADER);
    }
  });

  it('random bytes never throw, and get no answer larger than allowed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1300, size: 'max' }), (bytes) => {
        checkReply(bytes, registry.respond(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('neither do real queries with bytes changed', () => {
    const base = fc.constantFrom(
      valid,
      query(FIRST_NAME, 'SRV', { udpSize: 512 }),
      query('example.com', 'ANY'),
    );
    const change = fc.tuple(fc.nat(200), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(base, fc.array(change, { maxLength: 5 }), (message, changes) => {
        const bytes = Buffer.from(message);
        for (const [at, byte] of changes) {
          bytes[at % bytes.length] = byte;
        }
        checkReply(bytes, registry.respond(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  it('compression in the question, loops and all, is FORMERR', () => {
    for (const pointer of [0xc00c, 0xc000, 0xc00e, 0xffff]) {
      for (const before of [Buffer.alloc(0), Buffer.from('\x01a', 'latin1')]) {
        const name = Buffer.concat([before, Buffer.from([pointer >> 8, pointer & 255])]);
        const message = Buffer.concat([
          valid.subarray(0, HEADER),
          name,
          Buffer.from([0, 12, 0, 1]),
        ]);
        message.fill(0, 6, HEADER);
        assert.equal(rcode(registry.respond(message) as Buffer), 1);
      }
    }
  });

  it('a record whose name points to itself is stepped over', () => {
    const plain = query(FIRST_NAME, 'SRV');
    const at = plain.length;
    const record = Buffer.from([0xc0 | (at >> 8), at & 255, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0]);
    const message = Buffer.concat([plain, record]);
    message[11] = 1;
    assert.equal(rcode(registry.respond(message) as Buffer), 3);
  });

  it('any number of questions but one is FORMERR, also when there are as many', () => {
    for (const count of [0, 2, 3, 100, 65_535]) {
      const questions = Buffer.concat(
        new Array(Math.min(count, 12)).fill(valid.subarray(HEADER, -11)),
      );
      const message = Buffer.concat([valid.subarray(0, HEADER), questions]);
      message.fill(0, 6, HEADER);
      message.writeUInt16BE(count, 4);
      assert.equal(rcode(registry.respond(message) as Buffer), 1, `${count} questions`);
    }
  });

  it('counts of records that are not there are FORMERR', () => {
    for (const at of [6, 8, 10]) {
      const message = Buffer.from(valid);
      message.writeUInt16BE(65_535, at);
      assert.equal(rcode(registry.respond(message) as Buffer), 1);
    }
  });

  it('opcodes other than QUERY are NOTIMP', () => {
    for (let opcode = 1; opcode < 16; opcode++) {
      const message = Buffer.from(valid);
      message[2] = opcode << 3;
      const reply = registry.respond(message) as Buffer;
      assert.equal(rcode(reply), 4);
      assert.equal((reply[2] as number) & 0x78, opcode << 3);
      assert.equal(reply.length, HEADER);
    }
  });

  it('responses are passed over, so that two servers cannot keep each other busy', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: HEADER, maxLength: 600, size: 'max' }), (bytes) => {
        bytes[2] = (bytes[2] as number) | 0x80;
        assert.equal(registry.respond(bytes), undefined);
      }),
    );
    assert.equal(registry.respond(registry.respond(valid) as Buffer), undefined);
  });

  it('names that are too long, and labels that are, are FORMERR', () => {
    const question = (labels: readonly number[]) => {
      const name = labels.map((length) =>
        Buffer.concat([Buffer.from([length]), Buffer.alloc(length, 97)]),
      );
      const message = Buffer.concat([
        valid.subarray(0, HEADER),
        ...name,
        Buffer.from([0, 0, 1, 0, 1]),
      ]);
      message.fill(0, 6, HEADER);
      return message;
    };
    assert.equal(
      rcode(registry.respond(question([63, 63, 63, 61])) as Buffer),
      5,
      '255 bytes are a name',
    );
    assert.equal(rcode(registry.respond(question([63, 63, 63, 62])) as Buffer), 1);
    assert.equal(rcode(registry.respond(question([64])) as Buffer), 1);
    assert.equal(rcode(registry.respond(question([128])) as Buffer), 1);
    assert.equal(rcode(registry.respond(question(new Array(127).fill(1))) as Buffer), 5);
    assert.equal(rcode(registry.respond(question(new Array(128).fill(1))) as Buffer), 1);
  });

  it('labels with dots and bytes that are no text are names of their own', () => {
    const zone = Buffer.from('\x07example\x03com\0', 'latin1');
    for (const label of ['_wireguard._udp', 'a.b', '\xff\xfe', '\0', '\\046', 'é']) {
      const bytes = Buffer.from(label, 'latin1');
      const name = Buffer.concat([Buffer.from([bytes.length]), bytes, zone]);
      const message = Buffer.concat([valid.subarray(0, HEADER), name, Buffer.from([0, 12, 0, 1])]);
      message.fill(0, 6, HEADER);
      const reply = registry.respond(message) as Buffer;
      assert.equal(rcode(reply), 3, label);
      assert.deepEqual(reply.subarray(HEADER, HEADER + name.length), name, 'the question as asked');
    }
  });

  it('a second OPT record, one elsewhere, one with a name, and options that do not fit are FORMERR', () => {
    const plain = query(FIRST_NAME, 'SRV');
    const opt = Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    const named = Buffer.concat([Buffer.from([1, 97]), opt]);
    const withOption = Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 10, 0, 1]);
    for (const [what, parts, counts] of [
      ['two', [opt, opt], [0, 0, 2]],
      ['in the answers', [opt], [1, 0, 0]],
      ['in the authorities', [opt], [0, 1, 0]],
      ['named', [named], [0, 0, 1]],
      ['cut option', [withOption], [0, 0, 1]],
    ] as const) {
      const message = Buffer.concat([plain, ...parts]);
      for (const [i, count] of counts.entries()) {
        message.writeUInt16BE(count, 6 + 2 * i);
      }
      assert.equal(rcode(registry.respond(message) as Buffer), 1, what);
    }
  });

  it('every refusal is one that the asker can act on', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: HEADER, maxLength: 100, size: 'max' }), (bytes) => {
        bytes[2] = (bytes[2] as number) & 0x7f;
        const reply = registry.respond(bytes);
        assert.ok(reply !== undefined && REFUSALS.has(rcode(reply)));
      }),
    );
  });
});

describe('the size of replies over UDP', () => {
  const peers = Array.from({ length: 2000 }, (_, i) =>
    peer(i + 1, `10.9.${i >> 8}.${i & 255}:51820`),
  );
  const registry = new Registry(device(peers));

  for (const [udpSize, limit] of [
    [undefined, 512],
    [0, 512],
    [512, 512],
    [513, 513],
    [800, 800],
    [1232, 1232],
    [4096, 1232],
    [65_535, 1232],
  ] as const) {
    it(`is at most ${limit} bytes for an EDNS size of ${udpSize ?? 'none'}; longer lists are empty, with TC`, () => {
      const message = query(SERVICE, 'PTR', udpSize === undefined ? {} : { udpSize });
      const listOf = (count: number) =>
        new Registry(device(peers.slice(0, count))).respond(message) as Buffer;
      let count = 1;
      while (!decode(listOf(count + 1)).flag_tc) {
        count++;
      }
      const whole = listOf(count);
      assert.ok(whole.length <= limit && whole.length > limit - 71, `${whole.length} bytes`);
      assert.equal(decode(whole).answers?.length, count);
      const cut = listOf(count + 1);
      assert.equal(decode(cut).answers?.length, 0);
      assert.equal(cut.length, message.length, 'no amplification');
    });
  }

  it('over TCP a list has up to 64 KiB, and a truncated one says so', () => {
    const small = new Registry(device(peers.slice(0, 900)));
    const whole = decode(small.respond(query(SERVICE, 'PTR'), { transport: 'tcp' }) as Buffer);
    assert.equal(whole.answers?.length, 900);
    assert.equal(whole.flag_tc, false);
    const cut = registry.respond(query(SERVICE, 'PTR'), { transport: 'tcp' }) as Buffer;
    assert.ok(cut.length > 65_000 && cut.length <= 65_535);
    assert.equal(decode(cut).flag_tc, true);
  });

  it('additional records that do not fit are left out without a word', () => {
    const long = Array.from({ length: 20 }, (_, i) => `10.100.${i}.0/24`);
    const zone = `${'z'.repeat(60)}.${'y'.repeat(50)}.org`;
    const one = new Registry(device([peer(1, '1.2.3.4:5', long)]), [{ name: zone }]);
    const label = Buffer.from(numberedKey(1)).toString('hex');
    assert.equal(label.length, 64);
    const name = one.ask(`_wireguard._udp.${zone}`, 'PTR').answers?.[0] as { data: string };
    const reply = one.ask(name.data, 'SRV');
    assert.equal(reply.flag_tc, false);
    assert.deepEqual(
      reply.additionals?.map(({ type }) => type),
      ['A'],
    );
    assert.equal(one.ask(name.data, 'SRV', { udpSize: 1232 }).additionals?.length, 3);
  });
});

describe('EDNS', () => {
  const registry = new Registry(device([peer(1, '1.2.3.4:5')]));

  it('is answered with EDNS and its DO bit, and without EDNS if the query had none', () => {
    for (const dnssecOk of [true, false]) {
      const packet = registry.ask('example.com', 'SOA', { udpSize: 1400, dnssecOk });
      const [opt, ...others] = packet.additionals as unknown as Record<string, unknown>[];
      assert.deepEqual(others, []);
      assert.equal(opt?.['udpPayloadSize'], 1232);
      assert.equal(opt?.['ednsVersion'], 0);
      assert.equal(opt?.['flag_do'], dnssecOk);
    }
    assert.deepEqual(registry.ask('example.com', 'SOA').additionals, []);
  });

  it('of another version is BADVERS', () => {
    const message = query('example.com', 'SOA', { udpSize: 1232 });
    message[message.length - 5] = 1;
    const reply = decode(registry.respond(message) as Buffer);
    const [opt] = reply.additionals as unknown as { extendedRcode: number; ednsVersion: number }[];
    assert.deepEqual([opt?.extendedRcode, opt?.ednsVersion], [1, 0]);
    assert.deepEqual(reply.answers, []);
  });

  it('flags: recursion desired and checking disabled come back, the others do not', () => {
    const message = query('example.com', 'SOA');
    message[2] = 0x07; // AA, TC and RD
    message[3] = 0xf0; // RA, Z, AD and CD
    const reply = registry.respond(message) as Buffer;
    assert.equal(reply[2], 0x85); // QR, AA, RD
    assert.equal(reply[3], 0x10); // CD
    assert.equal(RECURSION_DESIRED, 0x100);
  });
});
