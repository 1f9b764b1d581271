/** STUN clients that others wrote: of coturn, and of RFC 3489's time. They need no NAT, and see none. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { openService } from '../../src/server/service.js';
import { endpoint } from '../../src/wire/endpoint.js';

const DEADLINE_MS = 20_000;
const HERE = '127.0.0.1';

/** Runs a client to its end; what it printed. */
function run(program: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: DEADLINE_MS }, (error, stdout, stderr) => {
      const code = (error as { code?: unknown } | null)?.code;
      // `stun` exits with what it found: 1 is "no NAT".
      const isDone = error === null || (typeof code === 'number' && !error.killed);
      isDone ? resolve(stdout + stderr) : reject(error);
    });
  });
}

/** A service at these addresses, on one free port and another. */
async function serve(...addresses: readonly string[]) {
  const [first, ...more] = addresses;
  const probe = { port: 0, optional: false };
  const one = await openService({ listen: [endpoint(first as string, 0)], probe });
  if (more.length === 0) {
    return one;
  }
  // RFC 5780 wants the same two ports on both addresses: those that were free on the first.
  const { port } = one.addresses[0]!;
  const second = one.further[0]!.address.port;
  await one.close();
  const listen = addresses.map((address) => endpoint(address, port));
  return openService({ listen, probe: { port: second, optional: false } });
}

describe('STUN clients that others wrote', () => {
  it('turnutils_stunclient: one address', async () => {
    await using service = await serve(HERE);
    const said = await run('turnutils_stunclient', '-p', `${service.addresses[0]?.port}`, HERE);
    assert.match(said, /UDP reflexive addr: 127\.0\.0\.1:\d+/);
    assert.doesNotMatch(said, /RFC 5780/);
  });

  it('turnutils_stunclient: two addresses, RESPONSE-PORT, and PADDING, which is refused', async () => {
    await using service = await serve(HERE, '127.0.0.2');
    const said = await run('turnutils_stunclient', '-p', `${service.addresses[0]?.port}`, HERE);
    assert.match(said, /RFC 5780 response 2/);
    assert.match(said, /Other addr: : 127\.0\.0\.2:\d+/);
    assert.match(said, /error 420/);
  });

  it('turnutils_natdiscovery: mapping and filtering, by two addresses', async () => {
    await using service = await serve(HERE, '127.0.0.2');
    const port = `${service.addresses[0]?.port}`;
    const said = await run('turnutils_natdiscovery', '-m', '-f', '-p', port, '-L', HERE, HERE);
    assert.match(said, /NAT with Endpoint Independent Mapping!/);
    assert.match(said, /NAT with Endpoint Independent Filtering!/);
    assert.ok((service.counts().stun?.changed ?? 0) >= 1);
  });

  it('turnutils_natdiscovery: one address is not taken for two', async () => {
    await using service = await serve(HERE);
    const port = `${service.addresses[0]?.port}`;
    const said = await run('turnutils_natdiscovery', '-m', '-f', '-p', port, HERE);
    assert.match(said, /UDP reflexive addr: 127\.0\.0\.1:\d+/);
    assert.doesNotMatch(said, /Endpoint Independent/);
  });

  it('stun, of RFC 3489: no NAT, by two addresses', async () => {
    await using service = await serve(HERE, '127.0.0.2');
    assert.match(await run('stun', `${HERE}:${service.addresses[0]?.port}`), /Primary: Open/);
    assert.ok((service.counts().stun?.changed ?? 0) >= 2);
  });

  it('over IPv6', async () => {
    await using service = await serve('::1');
    const said = await run('turnutils_stunclient', '-p', `${service.addresses[0]?.port}`, '::1');
    assert.match(said, /UDP reflexive addr: \S*::1\S*:\d+/);
  });
});
