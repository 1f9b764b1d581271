import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problems } from '../../../src/client/problems.js';
import { reportStatus, ServerStatus } from '../../../src/client/sealed/server-status.js';

const SERVER = { host: 'rv.example.org', port: 49918 };
const HOUR_MS = 3_600_000;

/** The problems that a status raises; it has to clear them once it is good again. */
function said(change: Partial<ServerStatus>, notKept: string[] = [], isStalled = false): string[] {
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
  const status = Object.assign(new ServerStatus(), change);
  for (let i = 0; i < 3; i++) {
    reportStatus(problems, SERVER, { status, isStalled, notKept });
  }
  reportStatus(problems, SERVER, { status: new ServerStatus(), isStalled: false, notKept: [] });
  assert.equal(open.size, 0);
  return lines;
}

test('each problem with the server is one line that says what to do, raised once', () => {
  const cases: [string[], RegExp][] = [
    [said({ unanswered: 4 }), /no answer from rv.example.org \(port 49918\).*--key/],
    [said({}, [], true), /no answer/],
    [said({ hasWrongKey: true }), /another key than.*wg-rendezvous pubkey/],
    [said({ refusal: 'not-allowed' }), /register.*--allow/],
    [said({ refusal: 'full' }), /full.*--max-peers/],
    [said({ staleByMs: 90_000 }), /a time .* 90 s ahead.*clock went back, or another host/],
    [said({ staleByMs: 5 * 60_000 }), /a time .* 5 min ahead/],
    [said({ clockAheadMs: -3 * HOUR_MS }), /clock is 3 h behind the server's/],
    [said({ clockAheadMs: 30 * HOUR_MS }), /clock is 30 h ahead of the server's/],
    [said({}, ['AAAABBBBCCCC', 'D', 'E', 'F']), /4 of them.*\(AAAABBBB, D, E, \.\.\.\)/],
  ];
  for (const [lines, pattern] of cases) {
    assert.equal(lines.length, 1, `${pattern}`);
    assert.match(lines[0] as string, pattern);
    assert.doesNotMatch(lines[0] as string, /\n/);
  }
});

test('three unanswered initiations are no problem yet', () => {
  assert.deepEqual(said({ unanswered: 3 }), []);
});
