import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { formatPublicKey, publicKey } from '../../src/wire/key.js';
import { peerArguments, readDevice, setPeers } from '../../src/wireguard/wg-tool.js';
import { withWg } from './stand-in.js';

const P = publicKey(new Uint8Array(32).fill(2));
const Q = publicKey(new Uint8Array(32).fill(3));
const TEXT = formatPublicKey(P);
const X = parseEndpoint('[2001:db8::1]:5');

test('a change names only what it changes', () => {
  assert.deepEqual(peerArguments({ publicKey: P, endpoint: X }), [
    'peer',
    TEXT,
    'endpoint',
    '[2001:db8::1]:5',
  ]);
  assert.deepEqual(peerArguments({ publicKey: P, persistentKeepalive: 25 }), [
    'peer',
    TEXT,
    'persistent-keepalive',
    '25',
  ]);
  assert.deepEqual(peerArguments({ publicKey: P, remove: true }), ['peer', TEXT, 'remove']);
});

test('a keepalive is triggered by turning it off and on in the same command', () => {
  assert.deepEqual(
    peerArguments({ publicKey: P, endpoint: X, persistentKeepalive: 7, keepaliveNow: true }).join(
      ' ',
    ),
    `peer ${TEXT} persistent-keepalive 0 peer ${TEXT} endpoint [2001:db8::1]:5 persistent-keepalive 7`,
  );
});

test('all changes of a cycle are one command, with no shell between', async () => {
  await withWg('printf "%s\\n" "$@" end >> "$WG_CALLS"', async (folder) => {
    process.env['WG_CALLS'] = join(folder, 'calls');
    await setPeers('wg0;x', [
      { publicKey: P, endpoint: X },
      { publicKey: Q, remove: true },
    ]);
    const expected = ['set', 'wg0;x', ...peerArguments({ publicKey: P, endpoint: X })];
    expected.push(...peerArguments({ publicKey: Q, remove: true }), 'end', '');
    assert.equal(readFileSync(join(folder, 'calls'), 'utf8'), expected.join('\n'));
  });
});

const failures = [
  ['Unable to access interface: Operation not permitted', 'WG_NOT_PERMITTED', /CAP_NET_ADMIN/],
  ['Unable to access interface: Permission denied', 'WG_NOT_PERMITTED', /CAP_NET_ADMIN/],
  ['Unable to access interface: No such device', 'WG_NO_INTERFACE', /no interface wg0/],
  [
    'Unable to access interface: Protocol not supported',
    'WG_NOT_WIREGUARD',
    /wg0 is not a WireGuard/,
  ],
  ['something else', 'WG_FAILED', /wg0: something else/],
] as const;

for (const [said, code, message] of failures) {
  test(`wg saying "${said}" is ${code}`, async () => {
    await withWg(`echo secret-key; echo '${said}' >&2; exit 1`, async () => {
      await assert.rejects(readDevice('wg0'), (error: Error & { code: string }) => {
        assert.equal(error.code, code);
        assert.match(error.message, message);
        assert.ok(!/\n|secret/.test(`${error.message}${error.stack}`.replace(/\n\s+at .*/g, '')));
        return true;
      });
    });
  });
}

test('a missing wg tool is said with what to install', async () => {
  await withWg(undefined, () =>
    assert.rejects(readDevice('wg0'), { code: 'WG_TOOL_MISSING', message: /wireguard-tools/ }),
  );
});

test('a wg that prints nonsense is an error that names no key', async () => {
  await withWg('echo yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=', () =>
    assert.rejects(readDevice('wg0'), {
      code: 'WG_FAILED',
      message: /wg0: wg dump line 1: expected 4/,
    }),
  );
});
