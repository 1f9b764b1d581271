import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingMembers } from '../../src/socket/addon-members.js';
import { loadBinding } from '../../src/socket/binding.js';

test('the addon that was built has all that is used of it', () => {
  assert.deepEqual(missingMembers(loadBinding()), []);
});

test('members that an older addon lacks are named: functions, classes, and members of these', () => {
  const { interfaceIndex, UdpBatch, ...others } = loadBinding();
  assert.deepEqual(missingMembers(others), ['UdpBatch', 'interfaceIndex']);
  const { pause, ...members } = Object.getOwnPropertyDescriptors(UdpBatch.prototype);
  class OldBatch {}
  Object.defineProperties(OldBatch.prototype, members);
  assert.deepEqual(missingMembers({ ...others, interfaceIndex, UdpBatch: OldBatch }), [
    'UdpBatch.pause',
  ]);
});
