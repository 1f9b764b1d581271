import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { formatPublicKey, parsePublicKey } from '../../src/wire/key.js';
import { createDumpParser, parseDump as parse, presharedKeyIn } from '../../src/wireguard/dump.js';

const parseDump = (text: string) => parse(Buffer.from(text));

const PRIVATE = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
const MINE = 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=';
const PEER = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';
const INTERFACE = [PRIVATE, MINE, '51820', 'off'].join('\t');
const PLAIN_PEER = [PEER, '(none)', '(none)', '(none)', '0', '0', '0', 'off'].join('\t');

test('an interface without peers', () => {
  const device = parseDump(`${INTERFACE}\n`);
  assert.equal(device.publicKey && formatPublicKey(device.publicKey), MINE);
  assert.equal(device.listenPort, 51820);
  assert.equal(device.fwmark, 0);
  assert.deepEqual(device.peers, []);
});

test('an interface without a key, with a mark', () => {
  const device = parseDump('(none)\t(none)\t0\t0xca6c\n');
  assert.equal(device.publicKey, undefined);
  assert.equal(device.listenPort, 0);
  assert.equal(device.fwmark, 51820);
});

test('peers with everything and with nothing', () => {
  const full = [
    PEER,
    PRIVATE,
    '[2001:db8::1]:5',
    '10.0.0.2/32,fd00::2/128',
    '1700000000',
    '10',
    '20',
    '25',
  ];
  const { peers } = parseDump([INTERFACE, full.join('\t'), PLAIN_PEER].join('\n'));
  assert.equal(peers.length, 2);
  const [first, second] = peers;
  assert.deepEqual(first?.endpoint, parseEndpoint('[2001:db8::1]:5'));
  assert.deepEqual(first?.allowedIps, ['10.0.0.2/32', 'fd00::2/128']);
  assert.equal(first?.latestHandshakeMs, 1_700_000_000_000);
  assert.deepEqual(
    [first?.receivedBytes, first?.sentBytes, first?.persistentKeepalive],
    [10, 20, 25],
  );
  assert.equal(second?.endpoint, undefined);
  assert.deepEqual(second?.allowedIps, []);
  assert.equal(second?.persistentKeepalive, 0);
});

test('dump: the private key and all preshared keys are overwritten in the buffer, and nothing else', () => {
  const secret = [PEER, PRIVATE, '(none)', '(none)', '0', '0', '0', 'off'].join('\t');
  const text = `${INTERFACE}\n${secret}\n${PLAIN_PEER}\n${secret}\n`;
  const dump = Buffer.from(text);
  parse(dump);
  const expected = text.replaceAll(PRIVATE, '*'.repeat(44));
  assert.equal(dump.toString(), expected.replace(`${PEER}\t(none)`, `${PEER}\t******`));
});

test('dump: a malformed dump is overwritten as well', () => {
  for (const text of [PRIVATE, `${PRIVATE}\n`, `${PRIVATE}\tx`, `${INTERFACE}\nx\t${PRIVATE}`]) {
    const dump = Buffer.from(text);
    assert.throws(() => parse(dump));
    assert.ok(!dump.includes(PRIVATE), text);
  }
});

test('dump: the preshared key of a peer is found by its public key', () => {
  const secret = [PEER, PRIVATE, '(none)', '(none)', '0', '0', '0', 'off'].join('\t');
  const dump = Buffer.from([INTERFACE, PLAIN_PEER.replace(PEER, MINE), secret, ''].join('\n'));
  const keyOf = (text: string) => presharedKeyIn(dump, parsePublicKey(text));
  assert.equal(String(keyOf(PEER)), PRIVATE);
  assert.equal(String(keyOf(MINE)), '(none)', 'a peer, not the interface with the same key');
  assert.equal(keyOf(PRIVATE), undefined);
});

test('no private or preshared key is kept', () => {
  const secret = [PEER, PRIVATE, '(none)', '(none)', '0', '0', '0', 'off'].join('\t');
  const text = JSON.stringify(parseDump(`${INTERFACE}\n${secret}`), (_, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
  );
  assert.ok(text.includes(PEER));
  assert.ok(!text.includes(PRIVATE));
});

test('a malformed dump is refused with line and field, without its content', () => {
  const broken = [
    '',
    PRIVATE,
    `${INTERFACE}\textra`,
    INTERFACE.replace('51820', 'x'),
    INTERFACE.replace(MINE, 'nokey'),
    `${INTERFACE}\n${PLAIN_PEER}\tx`,
    `${INTERFACE}\n${PLAIN_PEER.replace('off', '-1')}`,
    `${INTERFACE}\n${PLAIN_PEER.replace('(none)\t(none)', `${PRIVATE}\tnowhere`)}`,
  ];
  for (const text of broken) {
    assert.throws(
      () => parseDump(text),
      (error: Error) =>
        /^wg dump line [12]: /.test(error.message) && !error.message.includes(PRIVATE),
      text,
    );
  }
});

test('random text never throws anything but a RangeError', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('\t', '\n', 'a', '1', '(none)', PEER) }),
      (text) => {
        try {
          parseDump(text);
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
      },
    ),
  );
});

test('dump after dump: a line that is as before gives the same peer, any other a new one', () => {
  const parse = createDumpParser();
  const dump = (...lines: string[]) => Buffer.from([INTERFACE, ...lines].join('\n'));
  const other = PLAIN_PEER.replace(PEER, MINE);
  const [first, second] = parse(dump(PLAIN_PEER, other)).peers;
  const moved = PLAIN_PEER.replace('(none)\t(none)', '(none)\t1.2.3.4:5');
  const after = parse(dump(other, moved)).peers;
  assert.equal(after[0], second);
  assert.notEqual(after[1], first);
  assert.deepEqual(after[1]?.endpoint, parseEndpoint('1.2.3.4:5'));
  // A key that WireGuard keeps to itself makes no other peer, and is not kept.
  const secret = moved.replace('(none)', PRIVATE);
  assert.equal(parse(dump(secret)).peers[0], after[1]);
  assert.notEqual(parse(dump(PLAIN_PEER)).peers[0], first, 'of one dump before only');
  assert.throws(() => parse(dump('nonsense')), /wg dump line 2/);
});
