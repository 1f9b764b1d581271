import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeKey } from '../../src/wire/key-text.js';
import { readPrivateKey } from '../../src/wireguard/private-key.js';
import { withWg } from './stand-in.js';

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
