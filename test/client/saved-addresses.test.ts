import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SavedAddresses } from '../../src/client/saved-addresses.js';

function withFolder(run: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'wg-saved-'));
  try {
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('saved addresses are there in the next run, by name', () =>
  withFolder((folder) => {
    const state = join(folder, 'made', 'on-demand');
    new SavedAddresses('rv.example.org', state).save(['2001:db8::1', '192.0.2.1']);
    assert.deepEqual(new SavedAddresses('rv.example.org', state).load(), [
      '192.0.2.1',
      '2001:db8::1',
    ]);
    assert.deepEqual(new SavedAddresses('other.example.org', state).load(), []);
    assert.deepEqual(readdirSync(state), ['server-rv.example.org']);
  }));

test('saved addresses are bounded, and lines that are no address are left out', () =>
  withFolder((folder) => {
    const store = new SavedAddresses('rv', folder);
    writeFileSync(join(folder, 'server-rv'), '192.0.2.1\nnot an address\n\n../x\n');
    assert.deepEqual(store.load(), ['192.0.2.1']);
    store.save(Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`));
    const lines = () => readFileSync(join(folder, 'server-rv'), 'latin1').trimEnd().split('\n');
    assert.equal(lines().length, 16);
    writeFileSync(join(folder, 'server-rv'), '192.0.2.1\n'.repeat(100));
    assert.equal(store.load().length, 16);
  }));

test('a folder that cannot be written leaves a client without saved addresses, and without an error', () => {
  const store = new SavedAddresses('rv', '/dev/null/nowhere');
  store.save(['192.0.2.1']);
  assert.deepEqual(store.load(), []);
});
