import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPublicKey } from '../../src/wire/key.js';
import { decodeKey } from '../../src/wire/key-text.js';
import { readPrivateKey } from '../../src/wireguard/private-key.js';
import { readAhead } from '../../src/wireguard/read-ahead.js';
import { readDevice } from '../../src/wireguard/wg-tool.js';
import { printedBuffers, withWg } from './stand-in.js';

const SECRET = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
const PUBLIC = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';
const DUMP = `printf '%s\\t%s\\t%s\\t%s\\n' '${SECRET}' '${PUBLIC}' 51820 off`;

/**
 * A `wg` that shows the dump of wg0 once, and otherwise fails with its arguments. `mkdir` is atomic: of two
 * that run at the same time, one shows it.
 */
const ONCE = `[ "$*" = 'show wg0 dump' ] && mkdir "$0.shown" 2>/dev/null && ${DUMP} ||
{ echo "not shown: $*" >&2; exit 1; }`;

const secret = decodeKey(new TextEncoder().encode(SECRET));

test('one reading ahead serves the first who asks for the interface and for its key', async () => {
  await withWg(ONCE, async () => {
    readAhead('wg0', true);
    const [device, key] = await Promise.all([readDevice('wg0'), readPrivateKey('wg0')]);
    assert.equal(device.listenPort, 51820);
    assert.equal(device.publicKey && formatPublicKey(device.publicKey), PUBLIC);
    assert.deepEqual(key, secret);
    await assert.rejects(readDevice('wg0'), /not shown: show wg0 dump/, 'the second asks again');
    await assert.rejects(readPrivateKey('wg0'), /not shown: show wg0 private-key/);
  });
});

test('a reading ahead is not for another interface', async () => {
  await withWg(ONCE, async () => {
    readAhead('wg0', true);
    await assert.rejects(readDevice('wg1'), /not shown: show wg1 dump/);
    await assert.rejects(readPrivateKey('wg1'), /not shown: show wg1 private-key/);
    assert.deepEqual(await readPrivateKey('wg0'), secret);
    assert.equal((await readDevice('wg0')).listenPort, 51820);
  });
});

test('a reading ahead that is too old is not used, and overwritten', async (t) => {
  const printed = printedBuffers(t.mock);
  await withWg(ONCE, async () => {
    readAhead('wg0', true);
    (await readPrivateKey('wg0')).fill(0);
    const now = performance.now();
    t.mock.method(performance, 'now', () => now + 1100);
    await assert.rejects(readDevice('wg0'), /not shown: show wg0 dump/);
    assert.ok((printed[0] as Buffer).length > SECRET.length);
    assert.ok((printed[0] as Buffer).every((byte) => byte === 0));
  });
});

test('a reading ahead that fails says what any reading says', async () => {
  await withWg(`echo 'No such device' >&2; exit 1`, async () => {
    readAhead('wg0', true);
    await assert.rejects(readDevice('wg0'), { code: 'WG_NO_INTERFACE' });
    await assert.rejects(readPrivateKey('wg0'), { code: 'WG_NO_INTERFACE' });
  });
});

test('a reading ahead leaves no secret behind: neither in the output of wg nor an unused key', async (t) => {
  const printed = printedBuffers(t.mock);
  await withWg(ONCE, async () => {
    readAhead('wg0', true);
    await readDevice('wg0');
    (await readPrivateKey('wg0')).fill(0);
    assert.ok((printed[0] as Buffer).length > SECRET.length);
    assert.ok((printed[0] as Buffer).every((byte) => byte === 0));
  });
});
