import assert from 'node:assert/strict';
import { it } from 'node:test';
import { NewsBook } from '../../../src/client/sealed/news.js';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';
import { parseEndpoint } from '../../../src/wire/endpoint.js';

const { publicKey } = generateKeyPair();

it('what was said last counts, not what arrives last: of one session, and of two', () => {
  const news = new NewsBook(() => undefined);
  const entry = (port: number) => ({
    key: publicKey,
    ipv4: parseEndpoint(`192.0.2.1:${port}`),
    notKept: false,
  });
  const port = () => news.get('p')?.ipv4?.port;
  news.take('p', entry(1), { session: 0, counter: 5 });
  assert.equal(news.take('p', entry(2), { session: 0, counter: 4 }), undefined);
  assert.equal(port(), 1);
  news.take('p', entry(3), { session: 1, counter: 0 });
  news.take('p', entry(4), { session: 0, counter: 9 });
  assert.equal(port(), 3);
});
