import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeKey } from '../../src/wire/key-text.js';
import { readPrivateKey } from '../../src/wireguard/private-key.js';
import { printedBuffers, withWg } from './stand-in.js';

const SECRET = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';

const bytes = (text: string) => new TextEncoder().encode(text);

test('the key is read from wg show', async () => {
  await withWg(`[ "$*" = "show wg0 private-key" ] && echo '${SECRET}'`, async () => {
    assert.deepEqual(await readPrivateKey('wg0'), decodeKey(bytes(SECRET)));
  });
});

test('a failure is one line, and names no key', async () => {
  const failures = [
    [`echo '${SECRET}'; echo 'Operation not permitted' >&2; exit 1`, 'WG_NOT_PERMITTED'],
    [`echo '${SECRET}'; echo 'No such device' >&2; exit 1`, 'WG_NO_INTERFACE'],
    [`echo '(none)'`, 'WG_FAILED'],
    [`echo ' ${SECRET}'`, 'WG_FAILED'],
    [undefined, 'WG_TOOL_MISSING'],
  ] as const;
  for (const [script, code] of failures) {
    await withWg(script, () =>
      assert.rejects(readPrivateKey('wg0'), (error: Error & { code: string }) => {
        assert.equal(error.code, code);
        assert.ok(!`${error.message}${error.stack}`.includes(SECRET));
        assert.equal(error.cause, undefined);
        return true;
      }),
    );
  }
});

test('private key: the output of wg is overwritten, also when it fails', async (t) => {
  const printed = printedBuffers(t.mock);
  for (const script of [`echo '${SECRET}'`, `echo '${SECRET}x'`, `echo '${SECRET}'; exit 1`]) {
    await withWg(script, async () => {
      await readPrivateKey('wg0').catch(() => {});
      const bytes = printed.at(-1) as Buffer;
      assert.ok(bytes.length > 44);
      assert.ok(bytes.every((byte) => byte === 0));
    });
  }
});
