import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SanitizedProject } from './sanitized-project.js';

const SUITES_TIMEOUT_MS = 420_000;
const CANARY_TIMEOUT_MS = 60_000;

/** Folders of dist/test whose suites exercise the addon. */
const FOLDERS = ['native', 'socket'];
const THIS_SUITE = 'sanitizer.test.js';

describe('the addon under AddressSanitizer and UndefinedBehaviorSanitizer', () => {
  let project: SanitizedProject;

  before(async () => {
    project = await SanitizedProject.create();
  });

  after(() => project[Symbol.asyncDispose]());

  it('is built with both', async () => {
    const { code, output } = await project.build();
    assert.equal(code, 0, output);
    const symbols = execFileSync('nm', ['-D', '--undefined-only', project.addon], {
      encoding: 'utf8',
    });
    assert.match(symbols, /__asan_report_store/);
    assert.match(symbols, /__ubsan_handle_/);
  });

  it('would be reported if it wrote behind an allocation', async () => {
    const canary = JSON.stringify(await project.buildCanary());
    const load = `process.dlopen({ exports: {} }, ${canary})`;
    const { code } = await project.runNode(['--eval', load], CANARY_TIMEOUT_MS);
    const reports = await project.reports();
    assert.equal(code, 99);
    assert.match(reports.join(), /heap-buffer-overflow/);
    await Promise.all(
      readdirSync(project.folder)
        .filter((name) => name.startsWith('report.'))
        .map((name) => rm(join(project.folder, name))),
    );
  });

  it('passes the suites of native/ and socket/ without a report', async () => {
    const suites = FOLDERS.flatMap((folder) =>
      readdirSync(join(project.folder, 'dist/test', folder))
        .filter((name) => name.endsWith('.test.js') && name !== THIS_SUITE)
        .map((name) => join('dist/test', folder, name)),
    );
    assert.ok(suites.length >= 7, `only ${suites.length} suites found`);
    const args = ['--test', '--test-reporter=spec', ...suites];
    const { code, output } = await project.runNode(args, SUITES_TIMEOUT_MS);
    assert.deepEqual(await project.reports(), []);
    assert.equal(code, 0, output);
  });
});
