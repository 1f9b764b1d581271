import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { formatPublicKey, publicKey } from '../../src/wire/key.js';
import type { PeerConfig } from '../../src/wireguard/device.js';
import { MAX_REPLACEMENTS } from '../../src/wireguard/replacement.js';
import { setPeers } from '../../src/wireguard/wg-tool.js';
import { evaluate, runNode } from '../native/child.js';
import { withWg } from './stand-in.js';

const DEADLINE_MS = 10_000;

const key = (n: number) => publicKey(new Uint8Array(32).fill(n));
const text = (n: number) => formatPublicKey(key(n));
const PRESHARED = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
const NO_KEY = `${'A'.repeat(43)}=`;
const X = parseEndpoint('192.0.2.1:5');

/** A peer's line of a dump. */
function line(
  n: number,
  { preshared = '(none)', ips = `10.0.0.${n}/32`, handshake = 0, received = 0, keepalive = 'off' },
): string {
  return [text(n), preshared, '(none)', ips, handshake, received, 0, keepalive].join('\t');
}

const dump = (...lines: string[]) =>
  [`(none)\t${text(9)}\t51820\toff`, ...lines].map((one) => `${one}\n`).join('');

/**
 * A stand-in that shows one dump after another, the last one forever, and whose `set` notes its
 * arguments, waits for its keys, and then notes that it made the change.
 */
const SCRIPT = `
here=$(dirname "$0")
if [ "$1" = show ]; then
  echo x >> "$here/shown"
  n=$(wc -l < "$here/shown")
  # Later readings are made while a set waits; it may start more slowly than this.
  for i in $(seq 50); do
    [ "$(cat "$here/calls" 2>/dev/null | wc -l)" -ge $((n - 1)) ] && break
    sleep 0.02
  done
  while [ "$n" -ge 0 ] && [ ! -e "$here/dump.$n" ]; do n=$((n - 1)); done
  cat "$here/dump.$n"
else
  printf '%s\\n' "$*" >> "$here/calls"
  fd=3
  for argument in "$@"; do
    case $argument in
      /proc/self/fd/*) cat "/proc/$$/fd/$fd" > "$here/key.$fd"; fd=$((fd + 1)) ;;
    esac
  done
  printf '%s\\n' "$*" >> "$here/made"
fi
`;

interface Run {
  /** What `wg set` was called with, call by call. */
  readonly calls: string[];
  /** The calls that got as far as making the change. */
  readonly made: string[];
  readonly keys: string[];
  readonly changes: readonly PeerConfig[];
}

async function run(dumps: readonly string[], changes: readonly PeerConfig[]): Promise<Run> {
  let result: Run | undefined;
  await withWg(SCRIPT, async (folder) => {
    dumps.forEach((one, i) => {
      writeFileSync(join(folder, `dump.${i + 1}`), one);
    });
    const lines = (file: string) => {
      const path = join(folder, file);
      return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
    };
    const made = await setPeers('wg0', changes);
    const keys = Array.from({ length: MAX_REPLACEMENTS }, (_, i) => lines(`key.${i + 3}`)).flat();
    result = { calls: lines('calls'), made: lines('made'), keys, changes: made };
  });
  return result as Run;
}

const replaced = (n: number): PeerConfig => ({
  publicKey: key(n),
  endpoint: X,
  persistentKeepalive: 25,
  replace: true,
});

test('replace: one wg set removes and adds, with what the peer has, the key by descriptor', async () => {
  const changes = [
    replaced(1),
    { publicKey: key(2), endpoint: X },
    { publicKey: key(3), replace: true },
  ];
  const { made, keys, ...run1 } = await run(
    [
      dump(
        line(1, { preshared: PRESHARED, ips: '10.0.0.1/32,fd00::1/128', keepalive: '7' }),
        line(2, {}),
        line(3, { keepalive: '9' }),
      ),
    ],
    changes,
  );
  assert.deepEqual(made, [
    `set wg0 peer ${text(2)} endpoint 192.0.2.1:5 ` +
      `peer ${text(1)} remove peer ${text(1)} preshared-key /proc/self/fd/3 ` +
      'allowed-ips 10.0.0.1/32,fd00::1/128 endpoint 192.0.2.1:5 persistent-keepalive 25 ' +
      `peer ${text(3)} remove peer ${text(3)} preshared-key /proc/self/fd/4 ` +
      'allowed-ips 10.0.0.3/32 persistent-keepalive 9',
  ]);
  assert.deepEqual(keys, [PRESHARED, NO_KEY]);
  assert.deepEqual(new Set(run1.changes), new Set(changes));
});

test('replace: a peer that is removed while wg set waits does not come back', async () => {
  const other = { publicKey: key(2), endpoint: X };
  const before = dump(line(1, { preshared: PRESHARED }), line(2, {}));
  const { calls, made, changes } = await run([before, dump(line(2, {}))], [replaced(1), other]);
  assert.equal(calls.length, 2, 'the wg set that waited was given up');
  assert.deepEqual(made, [`set wg0 peer ${text(2)} endpoint 192.0.2.1:5`]);
  assert.deepEqual(changes, [other]);
});

test('replace: a peer that is gone before is not added', async () => {
  const { calls, changes } = await run([dump(line(2, {}))], [replaced(1)]);
  assert.deepEqual([calls, changes], [[], []]);
});

test('replace: a peer that has ever been heard is left alone', async () => {
  for (const life of [{ handshake: 1 }, { received: 1 }]) {
    const quiet = dump(line(1, {}));
    const alive = dump(line(1, life));
    assert.deepEqual((await run([alive], [replaced(1)])).calls, []);
    const late = await run([quiet, alive], [replaced(1)]);
    assert.deepEqual([late.made, late.changes], [[], []]);
  }
});

test('replace: a peer that is changed while wg set waits keeps the change', async () => {
  for (const change of [{ ips: '10.9.9.9/32' }, { keepalive: '3' }, { preshared: PRESHARED }]) {
    const after = dump(line(1, change));
    const { calls, made, keys } = await run(
      [dump(line(1, {})), after],
      [{ publicKey: key(1), endpoint: X, replace: true }],
    );
    assert.equal(calls.length, 2);
    assert.equal(made.length, 1);
    assert.match(made[0] as string, new RegExp(` allowed-ips ${change.ips ?? '10.0.0.1/32'} `));
    assert.equal(/keepalive 3/.test(made[0] as string), change.keepalive !== undefined);
    assert.deepEqual(keys, [change.preshared ?? NO_KEY]);
  }
});

test('replace: a peer that changes all the time is given up after three attempts', async () => {
  const dumps = Array.from({ length: 9 }, (_, i) => dump(line(1, { keepalive: String(i + 1) })));
  const { calls, made, changes } = await run(dumps, [replaced(1)]);
  assert.deepEqual([calls.length, made, changes], [3, [], []]);
});

test(`replace: more than ${MAX_REPLACEMENTS} peers take several wg set`, async () => {
  const count = MAX_REPLACEMENTS + 1;
  const numbers = Array.from({ length: count }, (_, i) => i + 20);
  const { made, changes } = await run(
    [dump(...numbers.map((n) => line(n, {})))],
    numbers.map(replaced),
  );
  assert.deepEqual(
    made.map((one) => one.match(/ remove /g)?.length),
    [MAX_REPLACEMENTS, 1],
  );
  assert.equal(changes.length, count);
});

test('replace: no descriptor is left open', async () => {
  const open = () => readdirSync('/proc/self/fd').length;
  await run([dump(line(1, {}))], [replaced(1)]);
  const before = open();
  await run([dump(line(1, {}), line(2, {}))], [replaced(1), replaced(2)]);
  await run([dump(line(1, {})), dump(line(2, {}))], [replaced(1)]);
  assert.equal(open(), before);
});

test('replace: when this program dies while wg set waits, wg gets no usable key', async () => {
  const script = SCRIPT.replace('echo x', '[ -e "$here/shown" ] && kill -9 $PPID; echo x');
  await withWg(script, async (folder, wg) => {
    writeFileSync(join(folder, 'dump.1'), dump(line(1, { preshared: PRESHARED })));
    const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
    const { signal } = await runNode(
      evaluate(`
        import { setPeers } from ${module('../../src/wireguard/wg-tool.js')};
        import { useWgExecutable } from ${module('../../src/wireguard/wg-executable.js')};
        import { parsePublicKey } from ${module('../../src/wire/key.js')};
        useWgExecutable(${JSON.stringify(wg)});
        await setPeers('wg0', [{ publicKey: parsePublicKey(${JSON.stringify(text(1))}), replace: true }]);
      `),
    );
    assert.equal(signal, 'SIGKILL');
    const deadline = Date.now() + DEADLINE_MS;
    while (!existsSync(join(folder, 'made'))) {
      assert.ok(Date.now() < deadline, 'the stand-in waits for ever');
      await delay(10);
    }
    assert.equal(readFileSync(join(folder, 'key.3'), 'utf8'), PRESHARED.slice(0, 1));
  });
});
