import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLab, LabProcess, until } from '../../src/lab/index.js';
import { namespaceCreator, socketCreator } from '../../src/lab/names.js';

const CHILD = fileURLToPath(new URL('./lab-child.js', import.meta.url));
const TIMEOUT_MS = 30_000;

/** A process with a lab, and the pids of the processes in it. */
async function startChild(manner: string): Promise<{ child: LabProcess; pids: number[] }> {
  const child = new LabProcess(process.execPath, [CHILD, manner]);
  const [, pids] = await child.waitForOutput(/ready (.*)\n/, { timeoutMs: TIMEOUT_MS });
  return { child, pids: (pids as string).split(' ').map(Number) };
}

function traces(pid: number | undefined): string[] {
  const list = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);
  return [
    ...list('/run/netns').filter((name) => namespaceCreator(name) === pid),
    ...list('/run/wireguard').filter((file) => socketCreator(file) === pid),
  ];
}

function alive(pids: readonly number[]): number[] {
  return pids.filter((pid) => existsSync(`/proc/${pid}/ns/net`) && existsSync(`/proc/${pid}/exe`));
}

describe('a lab leaves no trace', { concurrency: 3 }, () => {
  const endings = [
    { manner: 'dispose', code: 0, signal: null },
    { manner: 'throw', code: 1, signal: null },
    { manner: 'exit', code: 3, signal: null },
    { manner: 'SIGINT', code: null, signal: 'SIGINT' },
    { manner: 'SIGTERM', code: null, signal: 'SIGTERM' },
    { manner: 'SIGHUP', code: null, signal: 'SIGHUP' },
  ] as const;
  for (const { manner, code, signal } of endings) {
    it(`after ${manner}`, async () => {
      const { child, pids } = await startChild(manner);
      await using _ = child;
      assert.ok(pids.length >= 1, 'something runs in the lab');
      if (signal !== null) {
        // The traces exist before, so the check afterwards can fail.
        assert.equal(traces(child.pid).length >= 4, true);
        child.kill(signal);
      }
      assert.deepEqual(await child.exited, { code, signal });
      assert.deepEqual(traces(child.pid), []);
      await until('its processes to be gone', () => alive(pids).length === 0);
    });
  }

  it('after SIGKILL, as soon as the next lab is built', async () => {
    const { child, pids } = await startChild('SIGKILL');
    await child.stop('SIGKILL');
    assert.notDeepEqual(traces(child.pid), []);
    await (await createLab({ hosts: {} })).dispose();
    assert.deepEqual(traces(child.pid), []);
    await until('its processes to be gone', () => alive(pids).length === 0);
  });

  it('when it cannot be built', async () => {
    const before = traces(process.pid);
    const failing = createLab({ hosts: { a: { listenPort: -1 } } });
    await assert.rejects(failing, /wg set .*listen-port -1/);
    assert.deepEqual(traces(process.pid), before);
  });
});

describe('several labs at once', () => {
  it('do not interfere', async () => {
    const { child, pids } = await startChild('SIGTERM');
    await using _child = child;
    const hosts = { a: { nat: 'cone' }, b: {} } as const;
    const labs = await Promise.all([1, 2, 3].map(() => createLab({ hosts })));
    try {
      // All have the same addresses, and in one the rendezvous host is cut off.
      await labs[1]?.rendezvous.cable.block();
      const answers = labs.map((lab) => lab.host('a').ping(lab.rendezvous.address));
      assert.deepEqual(await Promise.all(answers), [true, false, true]);
      const devices = labs.flatMap((lab) => [lab.host('a').wireguard, lab.host('b').wireguard]);
      assert.equal(new Set(devices.map((device) => device.interface)).size, 6);
    } finally {
      await Promise.all(labs.map((lab) => lab.dispose()));
    }
    assert.deepEqual(traces(process.pid), []);
    // The lab of the other process is unchanged.
    assert.deepEqual(alive(pids), pids);
  });
});
