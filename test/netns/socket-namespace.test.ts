import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createLab, type Lab, Namespace, until } from '../../src/lab/index.js';
import { PROGRAM } from '../cli/run-command.js';
import { startClient, startServer } from './our-programs.js';

const run = promisify(execFile);

/**
 * The layout of wireguard.com/netns: the interface is created in the host's namespace, where its UDP socket
 * stays, and moved to a container that has no other way out.
 *
 *     container [ wg0, lo ]      host [ eth0, UDP socket of wg0 ] --- NAT --- internet
 */
async function moveToContainer(lab: Lab<'a' | 'b'>, container: Namespace): Promise<void> {
  const { wireguard } = lab.host('a');
  const { interface: name, tunnelAddress } = wireguard;
  await lab.host('a').ip([`link set ${name} netns ${container.netns}`]);
  await container.ip([
    'link set lo up',
    `address add ${tunnelAddress}/24 dev ${name}`,
    `link set ${name} up`,
  ]);
}

/** A namespace beside host a's, removed at the end. */
async function createContainer(lab: Lab<'a' | 'b'>) {
  const { netns } = lab.host('a');
  const container = new Namespace(`${netns}-c`);
  // Not by `exec`: what `ip netns exec` runs has mounts of its own, and a namespace is a mount.
  await run('ip', ['netns', 'add', container.netns]);
  return Object.assign(container, {
    async [Symbol.asyncDispose]() {
      await run('ip', ['netns', 'delete', container.netns]);
    },
  });
}

describe('an interface whose UDP socket is in another namespace', () => {
  it('is reported, and connects with --socket-namespace, by name and by PID', async () => {
    await using lab = await createLab({ hosts: { a: { nat: 'cone' }, b: { nat: 'cone' } } });
    await using container = await createContainer(lab);
    await moveToContainer(lab, container);
    await startServer(lab.rendezvous);
    startClient(lab.host('b'), lab.rendezvous.address);
    const { interface: name, listenPort } = lab.host('a').wireguard;
    const start = (...args: string[]) =>
      container.spawn(process.execPath, [
        ...[PROGRAM, 'client', name, lab.rendezvous.address],
        ...args,
      ]);

    await using lost = start();
    await until('the hint', async () => /--socket-namespace NAME\|PID/.test(lost.stderr));
    assert.match(lost.stderr, new RegExp(`no UDP socket of .* port ${listenPort}: `));
    await lost.stop();

    const once = start('--socket-namespace', lab.host('a').netns, '--once', '--timeout', '20');
    assert.deepEqual(await once.exited, { code: 0, signal: null }, once.stderr);
    const ping = ['-c', '1', '-w', '5', lab.host('b').wireguard.tunnelAddress];
    assert.equal((await container.outcome('ping', ping)).code, 0);

    await using sleeper = lab.host('a').spawn('sleep', ['60']);
    const again = start('--socket-namespace', String(sleeper.pid), '--once', '--timeout', '20');
    assert.deepEqual(await again.exited, { code: 0, signal: null }, again.stderr);
    assert.doesNotMatch(again.stderr, /--socket-namespace/);
  });
});
