import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PrivateFileError } from '../../../src/files/private-file.js';
import { loadServerKey, readServerKey } from '../../../src/server/sealed/key-file.js';

const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-key-'));
after(() => rmSync(folder, { recursive: true }));

/** RFC 7748, 6.1: Alice's. */
const SECRET = 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=';
const PUBLIC = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=';

function file(name: string, content: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

test('server key: created on first use, readable by its owner only, the same afterwards', () => {
  const path = join(folder, 'new', 'deep', 'key');
  const umask = process.umask(0);
  try {
    const made = loadServerKey(path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'new', 'deep')).mode & 0o777, 0o700);
    assert.match(readFileSync(path, 'latin1'), /^[A-Za-z0-9+/]{43}=\n$/);
    assert.deepEqual(loadServerKey(path), made);
    assert.deepEqual(readServerKey(path), made);
    assert.deepEqual(readdirSync(join(folder, 'new', 'deep')), ['key'], 'nothing else is left');
  } finally {
    process.umask(umask);
  }
});

test('server key: the output of wg genkey is accepted, with and without a newline', () => {
  for (const it of [file('genkey', `${SECRET}\n`), file('bare', SECRET)]) {
    assert.equal(Buffer.from(readServerKey(it).publicKey).toString('base64'), PUBLIC);
  }
});

test('server key: an unusable file is refused in one line without its content', () => {
  mkdirSync(join(folder, 'folder'));
  for (const [path, says] of [
    [file('group', `${SECRET}\n`, 0o640), /open to others \(mode 0640\): chmod 600/],
    [file('others', `${SECRET}\n`, 0o604), /open to others/],
    [file('empty', ''), /holds no key/],
    [file('short', `${SECRET.slice(4)}\n`), /holds no key/],
    [file('twice', `${SECRET}\n${SECRET}\n`), /holds no key/],
    [file('stray', SECRET.replace('Co=', 'Cp=')), /holds no key/],
    [join(folder, 'folder'), /not a regular file/],
    [join(folder, 'short', 'below'), /ENOTDIR|EEXIST/],
  ] as const) {
    for (const read of [readServerKey, loadServerKey]) {
      assert.throws(
        () => read(path),
        (error: Error) => {
          assert.ok(error instanceof PrivateFileError);
          assert.match(error.message, says);
          assert.ok(error.message.includes(path));
          assert.doesNotMatch(error.message, /\n|dwdtCn|sXf7pR/);
          return true;
        },
      );
    }
  }
  assert.throws(() => readServerKey(join(folder, 'absent')), /the server creates it/);
});
