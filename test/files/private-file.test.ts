import assert from 'node:assert/strict';
import fs, {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import {
  createPrivateFile,
  PrivateFileError,
  type PrivateFileKind,
  readPrivateFile,
} from '../../src/files/private-file.js';

const top = mkdtempSync(join(tmpdir(), 'wg-rendezvous-files-'));
after(() => rmSync(top, { recursive: true }));

const CONTENT = Buffer.from('secret');
const STRANGER = 12_345;

const KIND: PrivateFileKind<string> = {
  maxLength: 16,
  parse: (content) => (content.equals(CONTENT) ? 'parsed' : undefined),
  otherwise: 'is something else',
  missing: 'make it',
};

let folders = 0;

/** A new folder that only its owner can use. */
function newFolder(): string {
  const folder = join(top, String(folders++));
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

function fileIn(
  folder: string,
  { content = CONTENT as string | Buffer, mode = 0o600 } = {},
): string {
  const path = join(folder, 'key');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const read = (path: string) => readPrivateFile(path, KIND);
const create = (path: string) => createPrivateFile(path, CONTENT, KIND);

function refused(use: () => unknown, message: RegExp): void {
  assert.throws(use, (error: Error) => {
    assert.ok(error instanceof PrivateFileError, String(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n|secret/);
    return true;
  });
}

/** Makes a file or folder somebody else's: where we are not root, by being somebody else. */
function giveAway(t: TestContext, path: string): void {
  if (process.geteuid?.() === 0) {
    chownSync(path, STRANGER, STRANGER);
  } else {
    const { geteuid } = process;
    process.geteuid = () => STRANGER;
    t.after(() => Object.assign(process, { geteuid }));
  }
}

test('private file: a file that it created can be read, and is never overwritten', () => {
  const path = join(newFolder(), 'deep', 'key');
  assert.equal(create(path), true);
  assert.equal(read(path), 'parsed');
  assert.equal(createPrivateFile(path, Buffer.from('other'), KIND), false);
  assert.equal(read(path), 'parsed');
  assert.deepEqual(readdirSync(join(path, '..')), ['key'], 'no temporary file is left');
});

test('private file: a temporary file of a crashed process is no obstacle', () => {
  const path = join(newFolder(), 'key');
  writeFileSync(`${path}.0123456789abcdef.new`, 'half');
  assert.equal(create(path), true);
});

test('private file: on a file system without hard links it is created, and never overwritten', (t) => {
  const path = join(newFolder(), 'key');
  t.mock.method(fs, 'linkSync', () => {
    throw Object.assign(new Error('no links here'), { code: 'EPERM' });
  });
  syncBuiltinESMExports();
  try {
    assert.equal(create(path), true);
    assert.equal(createPrivateFile(path, Buffer.from('other'), KIND), false);
    assert.equal(read(path), 'parsed');
    assert.deepEqual(readdirSync(join(path, '..')), ['key']);
  } finally {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
});

test('private file: advice about permissions is given only for a file of that kind', () => {
  refused(() => read(fileIn(newFolder(), { mode: 0o644 })), /open to others .*: chmod 600 /);
  for (const content of ['root:x:0:0:', 'x'.repeat(17), '']) {
    const path = fileIn(newFolder(), { content, mode: 0o666 });
    refused(() => read(path), /key is something else$/);
  }
  refused(() => read('/etc/passwd'), /^\/etc\/passwd is something else$/);
});

test('private file: a file that another user owns is refused', (t) => {
  const path = fileIn(newFolder());
  giveAway(t, path);
  refused(() => read(path), /belongs to user \d+/);
});

test('private file: a folder on the path that another user owns is refused', (t) => {
  const outer = newFolder();
  const inner = join(outer, 'inner');
  mkdirSync(inner);
  const path = fileIn(inner);
  giveAway(t, outer);
  refused(() => read(path), /user \d+ owns \S+ and can replace the key/);
  refused(() => create(join(inner, 'new')), /owns/);
  refused(() => create(join(inner, 'deep', 'new')), /owns/);
  assert.deepEqual(readdirSync(inner), ['key'], 'not even a folder is created there');
});

test('private file: a folder on the path that others can write to is refused', () => {
  for (const mode of [0o770, 0o707, 0o777]) {
    const outer = newFolder();
    const inner = join(outer, 'inner');
    mkdirSync(inner);
    const path = fileIn(inner);
    for (const folder of [inner, outer]) {
      chmodSync(folder, mode);
      refused(() => read(path), /other users can write to \S+ \(mode 07\d\d\): keep the key in/);
      refused(() => create(join(inner, 'new')), /can write/);
      chmodSync(folder, 0o700);
    }
    assert.deepEqual(readdirSync(inner), ['key']);
  }
});

test('private file: a sticky folder may hold a file, or folders, but nothing is created in it', () => {
  const sticky = newFolder();
  chmodSync(sticky, 0o1777);
  assert.equal(read(fileIn(sticky)), 'parsed');
  refused(() => create(join(sticky, 'new')), /can write to \S+ \(mode 1777\)/);
  assert.equal(create(join(sticky, 'own', 'new')), true);
});

test('private file: a symbolic link is not followed', () => {
  const path = fileIn(newFolder());
  const link = join(newFolder(), 'link');
  symlinkSync(path, link);
  refused(() => read(link), /\(ELOOP\): it is a symbolic link/);
  assert.equal(create(link), false);
});

test('private file: a folder behind a symbolic link is checked as well as that of the link', () => {
  const real = newFolder();
  const path = fileIn(real);
  const outer = newFolder();
  symlinkSync(real, join(outer, 'link'));
  const linked = join(outer, 'link', 'key');
  assert.equal(read(linked), 'parsed');
  chmodSync(real, 0o777);
  refused(() => read(linked), /can write/);
  chmodSync(real, 0o700);
  chmodSync(outer, 0o777);
  refused(() => read(linked), /can write/);
  assert.equal(read(path), 'parsed');
  chmodSync(outer, 0o1777);
  assert.equal(read(linked), 'parsed');
  if (process.geteuid?.() === 0) {
    fs.lchownSync(join(outer, 'link'), STRANGER, STRANGER);
    refused(() => read(linked), /user 12345 owns \S+link/);
  }
});

test('private file: the content is overwritten after parsing', () => {
  let seen: Buffer | undefined;
  readPrivateFile(fileIn(newFolder()), {
    ...KIND,
    parse: (content) => {
      seen = content;
      assert.ok(content.equals(CONTENT));
      return true;
    },
  });
  assert.deepEqual(seen, Buffer.alloc(CONTENT.length));
});

test('private file: a missing or irregular file is named', () => {
  const folder = newFolder();
  refused(() => read(join(folder, 'none')), /\(ENOENT\): make it$/);
  refused(() => read(folder), /is not a regular file/);
  refused(() => read('/dev/null'), /is not a regular file/);
  refused(() => read(join(fileIn(folder), 'below')), /\(ENOTDIR\): a part of the path/);
  assert.equal(readFileSync(join(folder, 'key'), 'utf8'), 'secret');
});
