import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { useCompileCache } from '../../src/cli/compile-cache.js';

const ROOT = 0;

/** The cache folders passed to Node, whether this Node supports a cache or not. */
function cachesIn(t: TestContext): string[] {
  const used: string[] = [];
  const target = module as { enableCompileCache?: (folder: string) => unknown };
  const before = target.enableCompileCache;
  target.enableCompileCache = (folder) => used.push(folder);
  t.after(() => {
    if (before === undefined) {
      delete target.enableCompileCache;
    } else {
      target.enableCompileCache = before;
    }
  });
  return used;
}

/** A folder that no one else can write to or replace. */
function ownFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'compile-cache-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('the compile cache is in a folder that only root can write to', (t) => {
  const used = cachesIn(t);
  const folder = join(ownFolder(t), 'cache');
  useCompileCache(folder, ROOT);
  assert.deepEqual(used, [folder]);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  chmodSync(folder, 0o770);
  useCompileCache(folder, ROOT);
  assert.equal(used.length, 1, 'not where a group can write');
});

test('the compile cache is off below a folder where anyone can write', (t) => {
  const used = cachesIn(t);
  const parent = join(ownFolder(t), 'open');
  mkdirSync(parent);
  chmodSync(parent, 0o777);
  useCompileCache(join(parent, 'cache'), ROOT);
  assert.deepEqual(used, []);
});

test('the compile cache is off for others than root, and makes no folder', (t) => {
  const used = cachesIn(t);
  const folder = join(ownFolder(t), 'cache');
  useCompileCache(folder, 1000);
  assert.deepEqual(used, []);
  assert.equal(existsSync(folder), false);
});

test('the compile cache is off where the folder cannot be made', (t) => {
  const used = cachesIn(t);
  useCompileCache('/proc/no-such-folder/cache', ROOT);
  assert.deepEqual(used, []);
});
