import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HardNatProblems } from '../../../src/client/paths/hard-nat-problems.js';
import { Problems } from '../../../src/client/problems.js';

const [KEY, OTHER] = ['a'.repeat(44), 'b'.repeat(44)] as const;

/** What was said, undefined where it was over. */
function setUp() {
  const said: (string | undefined)[] = [];
  const problems = new HardNatProblems(new Problems((_, text) => said.push(text)));
  problems.seek(KEY);
  return { said, problems };
}

describe('the problem of hard NATs', () => {
  it('ends as soon as the step that failed works, and not with another step', () => {
    const { said, problems } = setUp();
    problems.report(KEY, 'open', 'no sockets');
    problems.report(KEY, 'move', undefined);
    assert.deepEqual(said, ['peer aaaaaaaa: no sockets']);
    problems.report(KEY, 'open', undefined);
    assert.deepEqual(said.slice(1), [undefined]);
    problems.report(KEY, 'move', 'no nft');
    problems.report(KEY, 'open', undefined);
    assert.deepEqual(said.slice(2), ['peer aaaaaaaa: no nft']);
    problems.report(KEY, 'move', undefined);
    assert.deepEqual(said.slice(3), [undefined]);
  });

  it('ends when the peer is not sought any more, and what fails for it then is none', () => {
    const { said, problems } = setUp();
    problems.report(KEY, 'move', 'no nft');
    problems.drop(KEY);
    problems.report(KEY, 'move', 'no nft');
    assert.deepEqual(said, ['peer aaaaaaaa: no nft', undefined]);
  });

  it('names what fails for each peer, and for all', () => {
    const { said, problems } = setUp();
    problems.seek(OTHER);
    problems.report(KEY, 'open', 'x');
    problems.report(OTHER, 'open', 'y');
    problems.reportRules('z');
    problems.drop(KEY);
    assert.deepEqual(said.slice(2), [
      'peer aaaaaaaa: x; peer bbbbbbbb: y; z',
      'peer bbbbbbbb: y; z',
    ]);
  });
});
