import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from 'dns-packet';
import fc from 'fast-check';
import { SILENT } from '../../../src/client/dns/failure.js';
import { Lookup, type LookupQuestion } from '../../../src/client/dns/lookup.js';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import { address, alias, type ReplyParts, replyTo, srv } from './replies.js';

const NAME = 'key====._wireguard._udp.example.com';

/** Gives a lookup a reply; returns what it asks next. */
function reply(lookup: Lookup, question: LookupQuestion, parts: ReplyParts): LookupQuestion[] {
  const { answers = [], additionals = [] } = parts;
  return lookup.replied(question, { kind: 'records', answers, additionals });
}

/** What comes of a reply to the first question alone: endpoints in text. */
function found(parts: ReplyParts): unknown {
  const lookup = new Lookup(NAME);
  assert.deepEqual(reply(lookup, lookup.first, parts), []);
  return text(lookup);
}

function text({ outcome }: Lookup): unknown {
  if (outcome === undefined || 'failure' in outcome) {
    return outcome;
  }
  return outcome.answer === 'unknown' ? 'unknown' : outcome.answer.map(formatEndpoint);
}

test('the address in the additional section is used', () => {
  const parts = { answers: [srv(NAME, 41424)], additionals: [address(NAME, '2.2.2.2')] };
  assert.deepEqual(found(parts), ['2.2.2.2:41424']);
});

test('names are compared without case', () => {
  const upper = NAME.toUpperCase();
  const parts = { answers: [srv(upper, 1)], additionals: [address(NAME, '2001:DB8::1')] };
  assert.deepEqual(found(parts), ['[2001:db8::1]:1']);
});

test('IPv6 comes before IPv4, and each endpoint once', () => {
  const addresses = ['192.0.2.1', '2001:db8::1', '192.0.2.1', '192.0.2.2'];
  const additionals = addresses.map((ip) => address(NAME, ip));
  const expected = ['[2001:db8::1]:7', '192.0.2.1:7', '192.0.2.2:7'];
  assert.deepEqual(found({ answers: [srv(NAME, 7)], additionals }), expected);
});

test('several SRV records: by priority, then weight', () => {
  const [a, b, c] = ['a.example.org', 'b.example.org', 'c.example.org'];
  const answers = [
    srv(NAME, 1, { target: a, priority: 2, weight: 9 }),
    srv(NAME, 2, { target: b, priority: 1, weight: 0 }),
    srv(NAME, 3, { target: c, priority: 1, weight: 5 }),
  ];
  const additionals = [address(a, '192.0.2.1'), address(b, '192.0.2.2'), address(c, '192.0.2.3')];
  assert.deepEqual(found({ answers, additionals }), ['192.0.2.3:3', '192.0.2.2:2', '192.0.2.1:1']);
});

test('of many records some are used', () => {
  const many = Array.from({ length: 9 }, (_, i) => i + 1);
  const additionals = many.map((i) => address(NAME, `192.0.2.${i}`));
  const addresses = ['192.0.2.1:7', '192.0.2.2:7', '192.0.2.3:7', '192.0.2.4:7'];
  assert.deepEqual(found({ answers: [srv(NAME, 7)], additionals }), addresses);
  const answers = many.map((port) => srv(NAME, port));
  const ports = ['192.0.2.1:1', '192.0.2.1:2', '192.0.2.1:3', '192.0.2.1:4'];
  assert.deepEqual(found({ answers, additionals: additionals.slice(0, 1) }), ports);
});

test('an alias is followed, and a loop of aliases ends', () => {
  const other = 'other.example.net';
  const answers = [alias(NAME, other), srv(other, 9), alias(other, NAME)];
  assert.deepEqual(found({ answers, additionals: [address(other, '192.0.2.1')] }), ['192.0.2.1:9']);
});

test('records that cannot be followed count as none', () => {
  const long = `${'x'.repeat(60)}.`.repeat(4);
  const useless = [
    {},
    { answers: [srv('stranger.example.com', 5)] },
    { answers: [srv(NAME, 0)] },
    { answers: [srv(NAME, 5, { target: '.' })] },
    { answers: [srv(NAME, 5, { target: 'tab\t.example.com' })] },
    { answers: [srv(NAME, 5, { target: `${long}${long}` })] },
    { answers: [srv(NAME, 5)], additionals: [address(NAME, '0.0.0.0')] },
    { answers: [{ ...srv(NAME, 5), class: 'CH' as const }] },
  ];
  for (const parts of useless) {
    assert.equal(found(parts), 'unknown', JSON.stringify(parts));
  }
});

test('a denial is an answer', () => {
  const lookup = new Lookup(NAME);
  assert.equal(lookup.outcome, undefined);
  assert.deepEqual(lookup.replied(lookup.first, { kind: 'denied' }), []);
  assert.equal(text(lookup), 'unknown');
});

test('the addresses of a target without any are looked up, over both families', () => {
  const target = 'host.example.net';
  const lookup = new Lookup(NAME);
  const parts = { answers: [srv(NAME, 5, { target, ttl: 9 })] };
  const [aaaa, a, ...more] = reply(lookup, lookup.first, parts);
  assert.deepEqual(
    [aaaa, a],
    [
      { name: target, type: 'AAAA' },
      { name: target, type: 'A' },
    ],
  );
  assert.deepEqual(more, []);
  assert.ok(aaaa && a);
  reply(lookup, a, { answers: [alias(target, 'c.net'), address('c.net', '192.0.2.1', 8)] });
  assert.equal(text(lookup), undefined);
  reply(lookup, aaaa, { answers: [address(target, '2001:db8::1', 30)] });
  assert.deepEqual(text(lookup), ['[2001:db8::1]:5', '192.0.2.1:5']);
  const { outcome } = lookup;
  assert.ok(outcome !== undefined && 'answer' in outcome);
  assert.equal(outcome.ttlSeconds, 8, 'the shortest of those used');
});

test('a failure counts only where nothing else was found', () => {
  const ask = (): [Lookup, LookupQuestion[]] => {
    const lookup = new Lookup(NAME);
    return [lookup, reply(lookup, lookup.first, { answers: [srv(NAME, 5)] })];
  };
  const [half, [, a]] = ask();
  half.failed(SILENT);
  reply(half, a as LookupQuestion, { answers: [address(NAME, '192.0.2.1')] });
  assert.deepEqual(text(half), ['192.0.2.1:5']);
  const [none, [, again]] = ask();
  none.failed(SILENT);
  reply(none, again as LookupQuestion, {});
  assert.deepEqual(none.outcome, { failure: SILENT });
  const refused = new Lookup(NAME);
  refused.replied(refused.first, { kind: 'failed', rcode: 5 });
  assert.deepEqual(refused.outcome, { failure: { kind: 'rcode', rcode: 5 } });
});

test('records with random bits never throw, and make usable endpoints or none', () => {
  const query = Buffer.alloc(12);
  const whole = replyTo(query, {
    questions: [],
    answers: [srv(NAME, 5), alias(NAME, 'a.net'), address(NAME, '2001:db8::1')],
    additionals: [address(NAME, '192.0.2.1')],
  });
  const flips = fc.array(fc.tuple(fc.integer({ min: 12, max: whole.length - 1 }), fc.nat(255)), {
    maxLength: 4,
  });
  let usable = 0;
  fc.assert(
    fc.property(flips, fc.nat(20), (changes, cut) => {
      const message = Buffer.from(whole.subarray(0, whole.length - cut));
      for (const [at, value] of changes) {
        message[Math.min(at, message.length - 1)] = value;
      }
      let records: ReturnType<typeof decode>;
      try {
        records = decode(message);
      } catch {
        return;
      }
      const { answers = [], additionals = [] } = records;
      const lookup = new Lookup(NAME);
      reply(lookup, lookup.first, { answers, additionals });
      const said = text(lookup);
      usable += Array.isArray(said) ? 1 : 0;
    }),
    { numRuns: 3000 },
  );
  assert.ok(usable > 100);
});
