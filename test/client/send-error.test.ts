import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNoRoute, sendErrorText } from '../../src/client/send-error.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';

const SERVER = parseEndpoint('[2001:db8::1]:49918');

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: why, sendto`), { code });
}

test('the text of a failed send has the code once, and what to do', () => {
  for (const [code, text] of [
    [
      'EPERM',
      "this host's firewall refuses packets to [2001:db8::1]:49918 (EPERM): allow UDP to that port; still trying",
    ],
    [
      'ENETUNREACH',
      'no route to [2001:db8::1]:49918 (ENETUNREACH): is this host online? still trying',
    ],
    ['ENOBUFS', 'cannot send to [2001:db8::1]:49918 (ENOBUFS): still trying'],
  ] as const) {
    assert.equal(sendErrorText(failure(code), SERVER), text);
  }
  assert.match(sendErrorText(new Error('odd'), SERVER), /\(odd\): still trying$/);
});

test('errors that mean that there is no route are distinguished from others', () => {
  const codes = [
    'ENETUNREACH',
    'EHOSTUNREACH',
    'EADDRNOTAVAIL',
    'EAFNOSUPPORT',
    'EPERM',
    'ENOBUFS',
  ];
  assert.deepEqual(
    codes.map((code) => isNoRoute(failure(code))),
    [true, true, true, true, false, false],
  );
});
