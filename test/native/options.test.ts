import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluate, runNode } from './child.js';

/** Runs a piece of source with `addon`, in a process of its own: a fault of the addon aborts it. */
async function output(source: string): Promise<string> {
  const binding = JSON.stringify(new URL('../../src/socket/binding.js', import.meta.url).href);
  const { code, signal, stdout, stderr } = await runNode(
    evaluate(`import { loadBinding } from ${binding}; const addon = loadBinding(); ${source}`),
  );
  assert.deepEqual([code, signal], [0, null], stderr);
  return stdout;
}

test('addon: an option whose getter throws makes the call throw that error', async () => {
  const said = await output(`
    const options = { family: 4, address: new Uint8Array([127, 0, 0, 1]), scopeId: 0, port: 0,
      receiveBufferBytes: 65536, sendBufferBytes: 65536, interfaceName: 'lo' };
    const calls = { UdpBatch: (it) => new addon.UdpBatch(it), listenTcp: (it) => addon.listenTcp(it) };
    for (const [call, use] of Object.entries(calls)) {
      for (const name of Object.keys(options)) {
        const bad = { ...options };
        Object.defineProperty(bad, name, { get() { throw new Error('mine'); } });
        let end = 'unused';
        try { use(bad)?.close?.(); } catch (error) { end = error.message; }
        console.log(call, name, end);
      }
    }
    process.exit();
  `);
  const lines = said.trim().split('\n');
  assert.equal(lines.length, 14);
  for (const line of lines) {
    // A TCP listener has no queues of its own to size.
    const unused = /^listenTcp (receive|send)BufferBytes/.test(line);
    assert.match(line, unused ? / unused$/ : / mine$/);
  }
});

test('addon: an option whose getter detaches the address does no harm', async () => {
  const said = await output(`
    const address = new Uint8Array([127, 0, 0, 1]);
    const options = { family: 4, address, scopeId: 0, receiveBufferBytes: 65536,
      get port() { structuredClone(address.buffer, { transfer: [address.buffer] }); return 0; } };
    try { new addon.UdpBatch(options); } catch (error) { console.log(error.name); }
  `);
  assert.equal(said, 'TypeError\n');
});

test('addon: options that are no object, or are missing, are a TypeError', async () => {
  const said = await output(`
    for (const options of [undefined, null, 1, 'x', {}]) {
      for (const use of [() => new addon.UdpBatch(options), () => addon.listenTcp(options)]) {
        try { use(); } catch (error) { console.log(error.name); }
      }
    }
  `);
  assert.equal(said, 'TypeError\n'.repeat(10));
});

test('addon: a setter of Error.prototype that throws cannot make a system error abort', async () => {
  const said = await output(`
    for (const name of ['code', 'errno', 'syscall']) {
      Object.defineProperty(Error.prototype, name, { set() { throw new Error('setter'); } });
    }
    try { addon.interfaceFlags('no-such-name'); } catch (error) { console.log(error.code); }
  `);
  assert.equal(said, 'ENODEV\n');
});
