import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { createLab, type Lab } from '../../src/lab/index.js';
import { evaluate } from '../native/child.js';
import { withWg } from '../wireguard/stand-in.js';

const PRESHARED = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
const ALLOWED_IPS = '10.200.0.2/32,fd00::2/128';

/** Notes the command line of each `wg` as other processes see it, and becomes the real one. */
const WATCHED = `
tr '\\0' ' ' < /proc/$$/cmdline >> "$(dirname "$0")/commands"
`;
const REAL = 'exec /usr/bin/wg "$@"';

/** Runs setPeers() for b on a, and gives the number of changes that it reports. */
async function replaceB(lab: Lab<'a' | 'b'>, wg: string): Promise<number> {
  const [a, b] = [lab.host('a').wireguard, lab.host('b').wireguard];
  const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const source = `
    import { setPeers } from ${module('../../src/wireguard/wg-tool.js')};
    import { useWgExecutable } from ${module('../../src/wireguard/wg-executable.js')};
    import { parseEndpoint } from ${module('../../src/wire/endpoint.js')};
    import { parsePublicKey } from ${module('../../src/wire/key.js')};
    useWgExecutable('${wg}');
    const publicKey = parsePublicKey('${b.publicKey}');
    const endpoint = parseEndpoint('${lab.host('b').address}:${b.listenPort}');
    console.log((await setPeers('${a.interface}', [{ publicKey, endpoint, replace: true }])).length);
  `;
  return Number(await lab.host('a').exec(process.execPath, evaluate(source)));
}

/** Gives a's peer b what has to survive, and b what it needs to answer. */
async function configure(lab: Lab<'a' | 'b'>, folder: string): Promise<void> {
  const [a, b] = [lab.host('a').wireguard, lab.host('b').wireguard];
  const file = `${folder}/preshared`;
  writeFileSync(file, `${PRESHARED}\n`);
  const set = (host: 'a' | 'b', peer: string, ips: string, keepalive: string) =>
    lab
      .host(host)
      .exec('wg', [
        ...['set', lab.host(host).wireguard.interface, 'peer', peer, 'preshared-key', file],
        ...['allowed-ips', ips, 'persistent-keepalive', keepalive],
      ]);
  await set('a', b.publicKey, ALLOWED_IPS, '7');
  await set('b', a.publicKey, `${a.tunnelAddress}/32`, '0');
}

async function peerOfA(lab: Lab<'a' | 'b'>): Promise<string[] | undefined> {
  const { interface: name } = lab.host('a').wireguard;
  const dump = await lab.host('a').exec('wg', ['show', name, 'dump']);
  return dump.split('\n')[1]?.split('\t');
}

describe('a peer replaced on a real WireGuard', () => {
  it('keeps preshared key, allowed IPs and keepalive, connects, and no argument holds a secret', async () => {
    await using lab = await createLab({ hosts: { a: {}, b: {} } });
    await withWg(WATCHED + REAL, async (folder, wg) => {
      await configure(lab, folder);
      assert.equal(await replaceB(lab, wg), 1);
      const [, preshared, endpoint, ips, , , , keepalive] = (await peerOfA(lab)) ?? [];
      const { address, wireguard } = lab.host('b');
      assert.deepEqual(
        [preshared, endpoint, new Set(ips?.split(',')), keepalive],
        [PRESHARED, `${address}:${wireguard.listenPort}`, new Set(ALLOWED_IPS.split(',')), '7'],
      );
      assert.equal(await lab.ping('a', 'b', { timeoutMs: 5_000 }), true);
      const commands = readFileSync(`${folder}/commands`, 'utf8');
      assert.match(commands, /preshared-key \/proc\/self\/fd\/3 /);
      assert.ok(!commands.includes(PRESHARED));
    });
  });

  it('does not come back when it is removed while wg set waits for the key', async () => {
    await using lab = await createLab({ hosts: { a: {}, b: {} } });
    const { interface: name } = lab.host('a').wireguard;
    const remove = `
      [ "$1" = set ] || echo x >> "$(dirname "$0")/shown"
      if [ "$1" = show ] && [ "$(wc -l < "$(dirname "$0")/shown")" = 2 ]; then
        /usr/bin/wg set ${name} peer ${lab.host('b').wireguard.publicKey} remove
      fi
    `;
    await withWg(WATCHED + remove + REAL, async (folder, wg) => {
      await configure(lab, folder);
      assert.equal(await replaceB(lab, wg), 0);
      assert.match(readFileSync(`${folder}/commands`, 'utf8'), / set /, 'a wg set did wait');
      assert.deepEqual(await peerOfA(lab), ['']);
    });
  });

  it('leaves a peer with a handshake alone', async () => {
    await using lab = await createLab({ hosts: { a: {}, b: {} } });
    await withWg(WATCHED + REAL, async (folder, wg) => {
      await configure(lab, folder);
      await replaceB(lab, wg);
      assert.equal(await lab.ping('a', 'b', { timeoutMs: 5_000 }), true);
      const before = (await peerOfA(lab))?.[4];
      assert.equal(await replaceB(lab, wg), 0);
      assert.equal((await peerOfA(lab))?.[4], before);
    });
  });
});
