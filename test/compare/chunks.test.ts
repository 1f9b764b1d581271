import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { PROGRAM } from '../cli/run-command.js';

const FOLDER = path.dirname(PROGRAM);

/** A file of the bundle and all that is loaded with it. */
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

test('no other command loads the comparison or its plots', () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.js'));
  const has = (file: string, text: string): boolean =>
    readFileSync(path.join(FOLDER, file), 'utf8').includes(text);
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
