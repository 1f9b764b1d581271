import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { RrsigAnswer } from 'dns-packet';
import { createZoneKey, readZoneKey } from '../../src/dns/dnssec/key-file.js';
import { ZoneKey } from '../../src/dns/dnssec/zone-key.js';
import { PrivateFileError } from '../../src/files/private-file.js';
import { verifies } from './dnssec-check.js';

/** The private key of RFC 6605 section 6.1, as PKCS #8. */
const RFC_6605_PEM = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGU6SnQ/Ou+xC5Rum
uIUIuJZteXT2z0O/ok1s38Et6mShRANCAAQaiMiGFdQ3+7i/nhlCoZKfKFYnBq5s
K9OZ57G/ttHp51uStKpCkXrhxhtwHvA1w/574wCcuv5aL3ExbJAtzw0A
-----END PRIVATE KEY-----
`;
const RFC_6605_DS = 'b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17';
const WWW = {
  name: 'www.example.net',
  type: 'A',
  class: 'IN',
  ttl: 3600,
  data: '192.0.2.1',
} as const;
const SIGNED_AT = Date.UTC(2010, 7, 12, 10, 4, 39) / 1000;
const WWW_SIGNATURE: RrsigAnswer = {
  name: 'www.example.net',
  type: 'RRSIG',
  data: {
    typeCovered: 'A',
    algorithm: 13,
    labels: 3,
    originalTTL: 3600,
    expiration: Date.UTC(2010, 8, 9, 10, 4, 39) / 1000,
    inception: SIGNED_AT,
    keyTag: 55648,
    signersName: 'example.net',
    signature: Buffer.from(
      'qx6wLYqmh+l9oCKTN6qIc+bw6ya+KJ8oMz0YP107epXAyGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw==',
      'base64',
    ),
  },
};

const directory = mkdtempSync(join(tmpdir(), 'wg-rendezvous-key-'));
after(() => rmSync(directory, { recursive: true }));

test('the example of RFC 6605: DNSKEY, key tag, DS, and a signature that verifies', () => {
  const key = new ZoneKey(createPrivateKey(RFC_6605_PEM));
  assert.deepEqual(key.presentation('Example.net'), [
    'example.net. IN DNSKEY 257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==',
    `example.net. IN DS 55648 13 2 ${RFC_6605_DS.toUpperCase()}`,
  ]);
  assert.ok(verifies([WWW], WWW_SIGNATURE, key, SIGNED_AT));
  assert.ok(!verifies([{ ...WWW, data: '192.0.2.2' }], WWW_SIGNATURE, key, SIGNED_AT));
});

test('a key file is made once, for its owner alone, and gives the same key each time', () => {
  const path = join(directory, 'made.pem');
  assert.equal(createZoneKey(path), true);
  const made = readFileSync(path, 'utf8');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(createZoneKey(path), false);
  assert.equal(readFileSync(path, 'utf8'), made);
  assert.deepEqual(readZoneKey(path).presentation('z'), readZoneKey(path).presentation('z'));
  assert.match(made, /^-----BEGIN PRIVATE KEY-----\n/);
});

function refused(name: string, contents: string, mode: number, message: RegExp): void {
  const path = join(directory, name);
  writeFileSync(path, contents, { mode });
  assert.throws(
    () => readZoneKey(path),
    (error) => error instanceof PrivateFileError && message.test(error.message),
  );
}

test('a key file that others can read is refused, also by its group alone', () => {
  refused('all.pem', RFC_6605_PEM, 0o604, /all\.pem is open to others \(mode 0604\): chmod 600 /);
  refused('group.pem', RFC_6605_PEM, 0o640, /chmod 600/);
});

test('anything but a private key on P-256 is refused', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const message = /has no private key on the curve P-256 in PEM: make one with/;
  refused('empty.pem', '', 0o600, message);
  refused('text.pem', 'no key', 0o600, message);
  refused(
    'p384.pem',
    privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    0o600,
    message,
  );
  refused(
    'public.pem',
    publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    0o600,
    message,
  );
});

test('a missing or malformed file is reported; a missing folder is made', () => {
  const missing = join(directory, 'none', 'key.pem');
  assert.throws(
    () => readZoneKey(missing),
    /cannot use .*\(ENOENT\): there is no such file; make it/,
  );
  assert.equal(createZoneKey(missing), true);
  assert.equal(statSync(join(directory, 'none')).mode & 0o777, 0o700);
  assert.throws(
    () => readZoneKey(directory),
    /is not a regular file: name the file that holds the key/,
  );
  assert.throws(() => createZoneKey('/dev/null/key'), /cannot use the key file \/dev\/null\/key/);
});
