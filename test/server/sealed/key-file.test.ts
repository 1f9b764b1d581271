import assert from 'node:assert/strict';
import fs, {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createKeyBytes, KeyFileError } from '../../../src/server/key-file.js';
import { loadKeyFile, readKeyFile } from '../../../src/server/sealed/key-file.js';

const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-key-'));
after(() => rmSync(folder, { recursive: true }));

const KIND = { maxLength: 64, otherwise: 'is something else', missing: 'there is none' };

/** RFC 7748, 6.1: Alice's. */
const SECRET = 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=';
const PUBLIC = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=';

function file(name: string, content: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

test('a key is made on first use, for its owner only, and is the same afterwards', () => {
  const path = join(folder, 'new', 'deep', 'key');
  const umask = process.umask(0);
  try {
    const made = loadKeyFile(path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'new', 'deep')).mode & 0o777, 0o700);
    assert.match(readFileSync(path, 'latin1'), /^[A-Za-z0-9+/]{43}=\n$/);
    assert.deepEqual(loadKeyFile(path), made);
    assert.deepEqual(readKeyFile(path), made);
    assert.deepEqual(readdirSync(join(folder, 'new', 'deep')), ['key'], 'nothing else is left');
  } finally {
    process.umask(umask);
  }
});

test('a key of wg genkey is taken, with and without an end of line, also by way of a link', () => {
  const path = file('genkey', `${SECRET}\n`);
  symlinkSync(path, join(folder, 'link'));
  for (const it of [path, file('bare', SECRET), join(folder, 'link')]) {
    assert.equal(Buffer.from(readKeyFile(it).publicKey).toString('base64'), PUBLIC);
  }
});

test('what cannot be used is refused in one line that does not show it', () => {
  mkdirSync(join(folder, 'folder'));
  for (const [path, says] of [
    [file('group', `${SECRET}\n`, 0o640), /open to others \(mode 0640\): chmod 600/],
    [file('others', `${SECRET}\n`, 0o604), /open to others/],
    [file('empty', ''), /holds no key/],
    [file('short', `${SECRET.slice(4)}\n`), /holds no key/],
    [file('twice', `${SECRET}\n${SECRET}\n`), /holds no key/],
    [file('stray', SECRET.replace('Co=', 'Cp=')), /holds no key/],
    [join(folder, 'folder'), /no file/],
    [join(folder, 'short', 'below'), /ENOTDIR|EEXIST/],
  ] as const) {
    for (const read of [readKeyFile, loadKeyFile]) {
      assert.throws(
        () => read(path),
        (error: Error) => {
          assert.ok(error instanceof KeyFileError);
          assert.match(error.message, says);
          assert.ok(error.message.includes(path));
          assert.doesNotMatch(error.message, /\n|dwdtCn|sXf7pR/);
          return true;
        },
      );
    }
  }
  assert.throws(() => readKeyFile(join(folder, 'absent')), /the server makes it/);
});

test('what a crash left behind is in the way of none', () => {
  const path = join(folder, 'crashed');
  writeFileSync(`${path}.${process.pid}.new`, 'half');
  assert.ok(loadKeyFile(path));
});

test('where there are no hard links the file is made all the same, and never overwritten', (t) => {
  const path = join(folder, 'links', 'key');
  t.mock.method(fs, 'linkSync', () => {
    throw Object.assign(new Error('no links here'), { code: 'EPERM' });
  });
  syncBuiltinESMExports();
  try {
    const made = loadKeyFile(path);
    assert.equal(createKeyBytes(path, new Uint8Array(45), KIND), false);
    assert.deepEqual(readKeyFile(path), made);
    assert.deepEqual(readdirSync(join(folder, 'links')), ['key']);
  } finally {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
});

test('a folder in which others can replace the file is refused, unless it is sticky', () => {
  const own = join(folder, 'shared');
  mkdirSync(own);
  const path = join(own, 'key');
  for (const mode of [0o770, 0o707, 0o777]) {
    chmodSync(own, mode);
    for (const use of [loadKeyFile, readKeyFile]) {
      assert.throws(() => use(path), /others can write the folder .* chmod go-w/);
    }
  }
  assert.deepEqual(readdirSync(own), []);
  chmodSync(own, 0o1777);
  assert.ok(loadKeyFile(path));
});
