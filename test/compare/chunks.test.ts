import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { PROGRAM } from '../cli/run-command.js';

const FOLDER = path.dirname(PROGRAM);

/** A file of the bundle and all files that it loads at its start. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (!seen.has(file)) {
    seen.add(file);
    const text = readFileSync(path.join(FOLDER, file), 'utf8');
    for (const [, chunk] of text.matchAll(/^(?:import|export)\s[^;]*?"\.\/([\w-]+\.js)"/gm)) {
      loadedWith(chunk as string, seen);
    }
  }
  return seen;
}

const files = readdirSync(FOLDER).filter((file) => file.endsWith('.js'));

function has(file: string, text: string): boolean {
  return readFileSync(path.join(FOLDER, file), 'utf8').includes(text);
}

test('compare itself loads the plots only when it writes a page or a drawing', () => {
  const [start] = files.filter((file) => file.startsWith('compare-run-'));
  assert.ok(start !== undefined && files.some((file) => has(file, 'zrender')));
  for (const chunk of loadedWith(start)) {
    assert.ok(!has(chunk, 'zrender'), `${start} loads ${chunk} with ECharts`);
  }
});

test('no other command loads the comparison or its plots', () => {
  const marks = ['zrender', 'wireguard-go'];
  for (const mark of marks) {
    const somewhere = files.some((file) => has(file, mark));
    assert.ok(somewhere, mark);
  }
  const others = files.filter((file) => /^(wg-rendezvous|[a-z-]*(client|server)-run-)/.test(file));
  assert.ok(others.length >= 4, others.join());
  for (const file of others) {
    for (const chunk of loadedWith(file)) {
      for (const mark of marks) {
        assert.ok(!has(chunk, mark), `${file} loads ${chunk} with ${mark}`);
      }
    }
  }
});
