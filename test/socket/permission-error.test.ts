import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PermissionError } from '../../src/socket/permission-error.js';

const failing = (code: string) => () => {
  throw Object.assign(new Error('refused'), { code, syscall: 'socket' });
};

test('a lack of privilege names the capability and how to give it to this program alone', () => {
  for (const code of ['EPERM', 'EACCES']) {
    assert.throws(
      () => PermissionError.explain('the raw socket', 'CAP_NET_RAW', failing(code)),
      (error: PermissionError) => {
        assert.equal(
          error.message,
          `the raw socket needs CAP_NET_RAW (${code}): run as root, or give this program the capability: ` +
            'AmbientCapabilities=CAP_NET_RAW in its systemd unit, or sudo setpriv --reuid USER --init-groups ' +
            '--inh-caps +net_raw --ambient-caps +net_raw COMMAND',
        );
        // On node it would be a raw socket for every user of the host.
        assert.doesNotMatch(error.message, /setcap/);
        return error.code === code && error.syscall === 'socket';
      },
    );
  }
});

test('any other error, and one that is explained already, passes through', () => {
  assert.throws(() => PermissionError.explain('it', 'CAP_X', failing('ENODEV')), {
    code: 'ENODEV',
    message: 'refused',
  });
  const inner = () => PermissionError.explain('inner', 'CAP_NET_RAW', failing('EPERM'));
  assert.throws(() => PermissionError.explain('outer', 'CAP_X', inner), /^PermissionError: inner /);
});
