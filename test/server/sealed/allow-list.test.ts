import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAllowList } from '../../../src/server/sealed/allow-list.js';
import { formatPublicKey } from '../../../src/wire/key.js';
import { key } from '../requests.js';

test('a key a line; blanks and comments mean nothing', () => {
  const text = `# office\n\n  ${formatPublicKey(key(1))}  # anna\r\n${formatPublicKey(key(2))}`;
  const list = parseAllowList(text);
  assert.equal(list.size, 2);
  assert.ok(list.has(key(1)) && list.has(key(2)) && !list.has(key(3)));
  assert.equal(parseAllowList('').size, 0);
});

test('a bad line is named by its number', () => {
  const good = formatPublicKey(key(1));
  for (const bad of ['x', `${good} ${good}`, good.slice(1), `${good}x`]) {
    assert.throws(() => parseAllowList(`${good}\n#\n${bad}\n`), /^RangeError: line 3: not a key/);
  }
});
