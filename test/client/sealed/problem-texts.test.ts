import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problems } from '../../../src/client/problems.js';
import { tellStanding } from '../../../src/client/sealed/problem-texts.js';
import { Trouble } from '../../../src/client/sealed/trouble.js';

const SERVER = { host: 'rv.example.org', port: 49918 };
const HOUR_MS = 3_600_000;

/** What is said of a trouble, and whether it is over when the trouble is. */
function said(change: Partial<Trouble>, notKept: string[] = [], isStalled = false): string[] {
  const lines: string[] = [];
  const open = new Set<string>();
  const problems = new Problems((topic, text) => {
    if (text === undefined) {
      open.delete(topic);
    } else {
      open.add(topic);
      lines.push(text);
    }
  });
  const trouble = Object.assign(new Trouble(), change);
  for (let i = 0; i < 3; i++) {
    tellStanding(problems, SERVER, { trouble, isStalled, notKept });
  }
  tellStanding(problems, SERVER, { trouble: new Trouble(), isStalled: false, notKept: [] });
  assert.equal(open.size, 0);
  return lines;
}

test('each trouble is said once, in one line that says what to do', () => {
  const cases: [string[], RegExp][] = [
    [said({ unanswered: 4 }), /no answer from rv.example.org \(port 49918\).*--key/],
    [said({}, [], true), /no answer/],
    [said({ hasWrongKey: true }), /another key than.*wg-rendezvous pubkey/],
    [said({ refusal: 'not-allowed' }), /register.*--allow/],
    [said({ refusal: 'full' }), /full.*--max-peers/],
    [said({ staleByMs: 90_000 }), /a time 90 s ahead.*clock went back, or another host/],
    [said({ staleByMs: 5 * 60_000 }), /a time 5 min ahead/],
    [said({ clockAheadMs: -3 * HOUR_MS }), /clock is 3 h behind the server's/],
    [said({ clockAheadMs: 30 * HOUR_MS }), /clock is 30 h ahead of the server's/],
    [said({}, ['AAAABBBBCCCC', 'D', 'E', 'F']), /4 of its peers.*\(AAAABBBB, D, E, \.\.\.\)/],
  ];
  for (const [lines, pattern] of cases) {
    assert.equal(lines.length, 1, `${pattern}`);
    assert.match(lines[0] as string, pattern);
    assert.doesNotMatch(lines[0] as string, /\n/);
  }
});

test('nothing is said while initiations are just under way', () => {
  assert.deepEqual(said({ unanswered: 3 }), []);
});
