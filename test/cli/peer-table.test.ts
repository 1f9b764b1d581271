import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable } from '../../src/cli/peer-table.js';
import { answerText } from '../../src/cli/peer-text.js';
import type { PeerView } from '../../src/client/peer-track.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { parsePublicKey } from '../../src/wire/key.js';

const view: PeerView = {
  publicKey: parsePublicKey('xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg='),
  name: 'xTIBA5rb',
  endpoint: parseEndpoint('198.51.100.9:51820'),
  state: 'connected',
  unknownForMs: undefined,
  handshakeAgeMs: 3400,
  answer: [parseEndpoint('198.51.100.9:51820')],
  offers: [],
  path: 'direct',
  roundTripMs: undefined,
};

test('candidates stand in the order in which they are tried', () => {
  const answer = [parseEndpoint('[2001:db8::1]:1'), parseEndpoint('198.51.100.9:2')] as const;
  assert.equal(answerText({ ...view, answer }), '[2001:db8::1]:1, 198.51.100.9:2');
});

test('a row for each peer, in columns as wide as what stands in them', () => {
  const unknown = { ...view, name: 'AAAABBBB', endpoint: undefined, state: 'unknown' } as const;
  const asking = { ...unknown, name: 'CCCCDDDD', state: 'asking', answer: undefined } as const;
  const never = { handshakeAgeMs: undefined };
  assert.deepEqual(
    formatTable([view, { ...unknown, ...never, answer: 'unknown' }, { ...asking, ...never }]),
    [
      'peer      endpoint            state      handshake  last answer',
      'xTIBA5rb  198.51.100.9:51820  connected  3 s ago    198.51.100.9:51820',
      'AAAABBBB  -                   unknown    never      unknown',
      'CCCCDDDD  -                   asking     never      -',
    ],
  );
});
