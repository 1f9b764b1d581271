import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LookupQuestion } from '../../src/client/dns/lookup.js';
import { encodeQuery } from '../../src/wire/dns-query.js';
import { readReply } from '../../src/wire/dns-reply-reader.js';
import { address, located, replyTo, srv } from '../client/dns/replies.js';

const NAME = 'abc234====._wireguard._udp.example.com';
const QUESTION: LookupQuestion = { name: NAME, type: 'SRV' };
const ID = 0x1234;
const QUERY = encodeQuery(QUESTION, ID, true);
const REPLY = located(QUERY, '192.0.2.7');

/** A copy of a message with something changed. */
function rewritten(message: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = Uint8Array.from(message);
  change(copy);
  return copy;
}

test('a query, byte for byte', () => {
  const labels = ['abc234====', '_wireguard', '_udp', 'example', 'com'];
  const name = labels.map((label) => String.fromCharCode(label.length) + label).join('');
  const header = '1234 0100 0001 0000 0000 0001';
  const question = `${Buffer.from(`${name}\0`, 'latin1').toString('hex')} 0021 0001`;
  const opt = '00 0029 04d0 00000000 0000';
  const expected = (...parts: string[]) => parts.join('').replaceAll(' ', '');
  assert.equal(Buffer.from(QUERY).toString('hex'), expected(header, question, opt));
  const plain = Buffer.from(encodeQuery(QUESTION, 0x1234, false)).toString('hex');
  assert.equal(plain, expected('1234 0100 0001 0000 0000 0000', question));
});

test('records, denials, truncation and failures are distinguished', () => {
  const reply = readReply(REPLY, ID, QUESTION);
  assert.ok(reply?.kind === 'records');
  assert.deepEqual([reply.answers.length, reply.additionals.length], [1, 1]);
  const kinds = [
    [{}, 'records'],
    [{ rcode: 'NXDOMAIN' }, 'denied'],
    [{ truncated: true }, 'truncated'],
    [{ rcode: 'SERVFAIL' }, 'failed'],
    [{ rcode: 'REFUSED', questions: [] }, 'failed'],
  ] as const;
  for (const [parts, kind] of kinds) {
    const { questions, ...others } = { questions: undefined, ...parts };
    const message = replyTo(QUERY, { ...others, ...(questions && { questions: [] }) });
    assert.equal(readReply(message, ID, QUESTION)?.kind, kind);
  }
});

test('the case of the question does not matter', () => {
  const upper = replyTo(QUERY, {
    questions: [{ name: NAME.toUpperCase(), type: 'SRV', class: 'IN' }],
    answers: [srv(NAME.toUpperCase(), 5)],
  });
  assert.equal(readReply(upper, ID, QUESTION)?.kind, 'records');
});

test('an answer to another question is no reply', () => {
  const other = NAME.replace('abc', 'abd');
  const foreign: Record<string, Uint8Array> = {
    'another id': rewritten(REPLY, (copy) => copy.set([0x12, 0x35])),
    'a query': QUERY,
    'another opcode': rewritten(REPLY, (copy) => copy.set([0x90], 2)),
    'another name': replyTo(QUERY, { questions: [{ name: other, type: 'SRV' }] }),
    'a shorter name': replyTo(QUERY, { questions: [{ name: NAME.slice(11), type: 'SRV' }] }),
    'another type': replyTo(QUERY, { questions: [{ name: NAME, type: 'A' }] }),
    'another class': replyTo(QUERY, { questions: [{ name: NAME, type: 'SRV', class: 'CH' }] }),
    'two questions': replyTo(QUERY, {
      questions: [
        { name: NAME, type: 'SRV' },
        { name: NAME, type: 'SRV' },
      ],
    }),
    'no question, and no failure': replyTo(QUERY, { questions: [], answers: [srv(NAME, 1)] }),
  };
  for (const [what, message] of Object.entries(foreign)) {
    assert.equal(readReply(message, ID, QUESTION), undefined, what);
  }
});

test('a truncated reply is refused, at each length', () => {
  for (let length = 0; length < REPLY.length; length++) {
    const cut = readReply(REPLY.subarray(0, length), ID, QUESTION);
    assert.equal(cut, undefined, `${length}`);
  }
});

test('a compressed name that loops, or points ahead, makes no message', () => {
  const start = REPLY.length;
  for (const target of [start, start + 1, start + 2, 0x3fff]) {
    const pointer = [0xc0 | (target >> 8), target & 0xff];
    const record = [...pointer, ...pointer, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4];
    const message = Uint8Array.from([...REPLY, ...record]);
    new DataView(message.buffer).setUint16(6, 2);
    new DataView(message.buffer).setUint16(10, 2);
    assert.equal(readReply(message, ID, QUESTION), undefined);
  }
});

test('random bytes behind the question never throw', () => {
  const questionEnd = 12 + NAME.length + 2 + 4;
  const counts = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300, size: 'max' }), counts, (bytes, [an, ns, ar]) => {
      const message = Uint8Array.from([...REPLY.subarray(0, questionEnd), ...bytes]);
      message.set([0, an, 0, ns, 0, ar], 6);
      readReply(message, ID, QUESTION);
    }),
    { numRuns: 2000 },
  );
});

test('a message of the largest size is read', () => {
  const answers = Array.from({ length: 4000 }, (_, i) => address(NAME, `10.0.0.${i & 255}`));
  const huge = replyTo(QUERY, { answers: answers.slice(0, 1000) });
  assert.ok(huge.length > 50_000 && huge.length < 65_536);
  const reply = readReply(huge, ID, QUESTION);
  assert.ok(reply?.kind === 'records' && reply.answers.length === 1000);
});
