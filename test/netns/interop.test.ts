import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { OriginalPrograms } from '../../src/compare/original-programs.js';
import { createLab, until } from '../../src/lab/index.js';
import { connected, startClient, startServer } from './our-programs.js';

const HOSTS = { a: { nat: 'cone' }, b: { nat: 'cgnat' } } as const;

describe('interoperation with the original', { concurrency: 3 }, () => {
  let original: OriginalPrograms;
  before(async () => {
    original = await OriginalPrograms.compile();
  });
  after(() => original[Symbol.dispose]());

  it('original clients with our server', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const server = await startServer(lab.rendezvous);
    const clients = [lab.host('a'), lab.host('b')].map((host) =>
      original.startClient(host, lab.rendezvous.address),
    );
    await until('both clients to end', () => clients.every((client) => !client.running));
    await connected(lab, ['a', 'b']);
    server.kill('SIGTERM');
    assert.deepEqual(await server.exited, { code: 0, signal: null });
    assert.match(server.stdout, /registrations 2, .*hits 2, misses [1-9]/);
  });

  it('our clients with the original server', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await original.startServer(lab.rendezvous);
    startClient(lab.host('a'), lab.rendezvous.address);
    startClient(lab.host('b'), lab.rendezvous.address);
    await connected(lab, ['a', 'b']);
  });

  for (const kind of ['our', 'original'] as const) {
    it(`one client of each with ${kind === 'our' ? 'our' : 'the original'} server`, async () => {
      await using lab = await createLab({ hosts: HOSTS });
      const start = kind === 'our' ? startServer : original.startServer.bind(original);
      await start(lab.rendezvous);
      startClient(lab.host('a'), lab.rendezvous.address);
      original.startClient(lab.host('b'), lab.rendezvous.address);
      await connected(lab, ['a', 'b']);
    });
  }
});
