import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Approach } from '../../src/compare/approach.js';
import { Draft } from '../../src/compare/draft.js';

const APPROACH: Approach = {
  name: 'dns',
  summary: 'one line',
  needs: { server: '', client: '', root: '' },
  prepare: () => assert.fail('not needed'),
};
const round = (milliseconds: number) => ({ milliseconds, datagrams: 4, bytes: 400 });

test('rounds come to their medians', () => {
  const draft = new Draft(APPROACH);
  for (const milliseconds of [300, 100, 200]) {
    draft.addRound('cone', round(milliseconds));
  }
  const { connect } = draft.result();
  assert.ok(connect?.cone && 'milliseconds' in connect.cone);
  assert.equal(connect.cone.milliseconds, 200);
  assert.equal(connect.cone.rounds.length, 3);
});

test('a pair that does not connect is not tried again, and says how often it did before', () => {
  const draft = new Draft(APPROACH);
  draft.addRound('symmetric', { problem: 'no tunnel within 12 s' });
  draft.addRound('cone', round(100));
  draft.addRound('cone', round(200));
  assert.equal(draft.gaveUp('cone'), false);
  draft.addRound('cone', { problem: 'no tunnel within 12 s' });
  assert.equal(draft.gaveUp('cone'), true);
  assert.deepEqual(draft.result().connect, {
    symmetric: { problem: 'no tunnel within 12 s' },
    cone: { problem: 'no tunnel within 12 s in round 3, after 2 that connected' },
  });
});

test('an approach that cannot run has a reason and nothing else', () => {
  const draft = new Draft(APPROACH);
  draft.problem = 'not installed';
  const { name, summary, needs } = APPROACH;
  assert.deepEqual(draft.result(), { name, summary, needs, problem: 'not installed' });
});
