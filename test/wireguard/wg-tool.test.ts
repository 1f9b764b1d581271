import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { formatPublicKey, publicKey } from '../../src/wire/key.js';
import { peerArguments } from '../../src/wireguard/peer-arguments.js';
import { WgError } from '../../src/wireguard/wg-error.js';
import { useWgExecutable } from '../../src/wireguard/wg-executable.js';
import { readDevice, setPeers } from '../../src/wireguard/wg-tool.js';
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
  await withWg('printf "%s\\n" "$@" end >> "$(dirname "$0")/calls"', async (folder) => {
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

test('a missing wg tool is reported with what to do', async () => {
  await withWg(undefined, () =>
    assert.rejects(readDevice('wg0'), { code: 'WG_TOOL_MISSING', message: /no program .*--wg/ }),
  );
});

test('a wg that is no program is reported with what it lacks', async () => {
  await withWg('true', async (_folder, wg) => {
    writeFileSync(wg, 'true');
    await assert.rejects(readDevice('wg0'), {
      code: 'WG_FAILED',
      message: `cannot run the wg tool ${wg} (no program, and no script with #! in its first line)`,
    });
    chmodSync(wg, 0o644);
    await assert.rejects(readDevice('wg0'), {
      message: /cannot run the wg tool .* \(EACCES, spawn/,
    });
  });
});

test('a wg that prints nonsense is an error that names no key', async () => {
  await withWg('echo yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=', () =>
    assert.rejects(readDevice('wg0'), {
      code: 'WG_FAILED',
      message: /wg0: wg dump line 1: expected 4/,
    }),
  );
});

test('wg runs with a fixed environment', async () => {
  process.env['WG_TEST_SECRET'] = 'x';
  try {
    await withWg('env | cut -d= -f1 | sort > "$(dirname "$0")/env"', async (folder) => {
      await setPeers('wg0', []);
      const names = readFileSync(join(folder, 'env'), 'utf8').trim().split('\n');
      const ofTheShell = ['PWD', 'OLDPWD', 'SHLVL', '_'];
      assert.deepEqual(
        names.filter((name) => !ofTheShell.includes(name)),
        ['LC_ALL', 'PATH'],
      );
    });
  } finally {
    delete process.env['WG_TEST_SECRET'];
  }
});

test('wg is never looked up in PATH', async () => {
  await withWg('echo found > "$(dirname "$0")/found"', async (folder) => {
    useWgExecutable(undefined);
    const path = process.env['PATH'];
    process.env['PATH'] = folder;
    try {
      await assert.rejects(readDevice('no-such-wg'), WgError);
    } finally {
      process.env['PATH'] = path;
    }
    assert.equal(existsSync(join(folder, 'found')), false);
  });
});

test('a relative path of the wg tool is refused', () => {
  assert.throws(() => useWgExecutable('bin/wg'), RangeError);
});

test('a failure of wg carries neither its output nor its arguments', async () => {
  const secret = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
  const script = `echo ${secret}; echo "Key is not the correct length or format: ${secret}" >&2; exit 1`;
  await withWg(script, () =>
    assert.rejects(setPeers('wg0', [{ publicKey: P, endpoint: X }]), (error: Error) => {
      assert.deepEqual(Object.keys(error).sort(), ['code', 'name']);
      assert.equal(error.cause, undefined);
      assert.ok(!inspect(error).includes(secret));
      assert.ok(!inspect(error).includes(TEXT));
      return true;
    }),
  );
});

test('a wg that does not answer is killed after its time', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  await withWg('sleep 3', async () => {
    const reading = readDevice('wg0');
    t.mock.timers.tick(5000);
    await assert.rejects(reading, { code: 'WG_TIMEOUT', message: /wg0 within 5000 ms/ });
  });
});
