import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The highest exposure of each unit, by `systemd-analyze security`. */
const LIMITS: Readonly<Record<string, number>> = {
  'wg-rendezvous-server.service': 2,
  'wg-rendezvous@.service': 4,
  'wg-rendezvous-dns@.service': 4,
};

const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-units-'));
after(() => rmSync(folder, { recursive: true }));

/** A copy of a unit that runs the program of this checkout; of a template, its instance for wg0. */
function copy(unit: string): string {
  const text = readFileSync(join(ROOT, 'units', unit), 'utf8');
  const path = join(folder, unit.replace('@', '@wg0'));
  assert.match(text, /^ExecStart=\/usr\/bin\/wg-rendezvous /m);
  writeFileSync(
    path,
    text.replace('/usr/bin/wg-rendezvous', join(ROOT, 'dist/bin/wg-rendezvous.js')),
  );
  return path;
}

describe('units', () => {
  it('are all known to this test', () => {
    assert.deepEqual(readdirSync(join(ROOT, 'units')).sort(), Object.keys(LIMITS).sort());
  });

  for (const [unit, limit] of Object.entries(LIMITS)) {
    it(`${unit}: systemd has nothing to say about it`, async () => {
      const { stdout, stderr } = await run('systemd-analyze', ['verify', '--man=no', copy(unit)]);
      assert.deepEqual([stdout, stderr], ['', '']);
    });

    it(`${unit}: an exposure of ${limit} at most`, async () => {
      const threshold = [`--threshold=${limit * 10}`, '--no-pager'];
      const args = ['security', '--offline=true', ...threshold, copy(unit)];
      // It ends with 1 above the threshold.
      const { stdout } = await run('systemd-analyze', args);
      const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout) ?? [];
      assert.ok(Number(exposure) <= limit, stdout);
    });
  }
});
