import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { RedisServer } from '../server/store/redis-server.js';
import { ServerProcess } from './server-process.js';

const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-store-'));
after(() => rmSync(folder, { recursive: true }));

const SHARES = /shares clients with other servers/;
const OFF = /this server goes on with its own clients/;

/** Starts a server with variables of the environment, `NAME=VALUE` each. */
function serverWith(variables: readonly string[], ...args: string[]): ServerProcess {
  class It extends ServerProcess {
    protected override get launcher(): readonly [string, ...string[]] {
      return ['env', ...variables, process.execPath];
    }
  }
  return new It('--probe-port', 'none', ...args);
}

function settings(url: string): string {
  const file = join(folder, 'server.conf');
  writeFileSync(file, `[Server]\nStore = ${url}\n`, { mode: 0o600 });
  return file;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Makes a certificate for a host that it signs itself. */
function certificate(name: string, subject: string): { key: string; cert: string } {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${subject}`, '-days', '1'];
  execFileSync('openssl', ['req', ...kind, ...names, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  return { key, cert };
}

/** A store on loopback that takes TLS only. */
async function tlsStore({ key, cert }: { key: string; cert: string }) {
  const port = await freePort();
  const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no'];
  return { port, redis: await RedisServer.start('--tls-port', `${port}`, ...files) };
}

describe('the store of a server', () => {
  it('is given by the settings or the environment, and says no password', async () => {
    await using redis = await RedisServer.start('--requirepass', 'geheim');
    const url = `unix://:geheim@${redis.path}`;
    for (const [variables, args] of [
      [[`WG_RENDEZVOUS_STORE=${url}`], []],
      [[], ['--config', settings(url)]],
    ] as const) {
      await using server = serverWith(variables, ...args);
      const line = await server.logLine(SHARES);
      assert.match(line, SHARES);
      assert.ok(line.includes(`unix:${redis.path}`) && !line.includes('geheim'), line);
    }
  });

  it('is that of the command line before that of the environment before that of the settings', async () => {
    await using redis = await RedisServer.start();
    const nowhere = `unix:${folder}/none`;
    const variable = (url: string) => [`WG_RENDEZVOUS_STORE=${url}`];
    for (const [variables, args] of [
      [variable(redis.url), ['--config', settings(nowhere)]],
      [variable(nowhere), ['--store', redis.url]],
    ] as const) {
      await using server = serverWith(variables, ...args);
      assert.match(await server.logLine(/ store |store /), SHARES);
    }
  });

  it('is reached by TLS where NODE_EXTRA_CA_CERTS names its certificate, and only then', async () => {
    const own = certificate('own', 'IP:127.0.0.1,DNS:localhost');
    const { port, redis } = await tlsStore(own);
    await using _ = redis;
    for (const host of ['localhost', '127.0.0.1']) {
      const url = `rediss://${host}:${port}`;
      await using trusting = serverWith([`NODE_EXTRA_CA_CERTS=${own.cert}`], '--store', url);
      assert.match(await trusting.logLine(/shares clients|Warning/), SHARES, host);
      await using other = serverWith([], '--store', url);
      assert.match(await other.logLine(OFF), /DEPTH_ZERO_SELF_SIGNED_CERT/, host);
    }
  });

  it('has a certificate for the host of its URL', async () => {
    const foreign = certificate('foreign', 'DNS:other.example');
    const { port, redis } = await tlsStore(foreign);
    await using _ = redis;
    const args = ['--store', `rediss://localhost:${port}`];
    await using server = serverWith([`NODE_EXTRA_CA_CERTS=${foreign.cert}`], ...args);
    assert.match(await server.logLine(OFF), /ERR_TLS_CERT_ALTNAME_INVALID/);
  });
});
