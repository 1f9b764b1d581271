import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { AgentStarter } from '../../src/compare/agents/agent.js';
import { APPROACHES } from '../../src/compare/approaches/index.js';
import { measureFault } from '../../src/compare/measure/faults.js';
import { OurProgram } from '../../src/compare/our-program.js';
import type { Comparison } from '../../src/compare/results.js';
import { PROGRAM, runCommand } from '../cli/run-command.js';
import { schemaErrors } from '../compare/comparison-schema.js';

const TIMEOUT_MS = 120_000;

describe('compare', { concurrency: 2 }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'wg-rendezvous-compare-'));
  const file = (name: string): string => path.join(folder, name);
  after(() => rmSync(folder, { recursive: true }));

  it('measures approaches side by side, and goes on if one is missing', async () => {
    const { code, stdout, stderr } = await runCommand(
      [
        ...['compare', '--quick', '--approach', 'classic', 'original', 'wgsd'],
        ...[
          '--pair',
          'cone',
          'keepalive',
          '--round-trip',
          '20',
          '--measure',
          'connect',
          'stranger',
        ],
        ...['--wgsd-coredns', '/nowhere/coredns', '--wgsd-client', '/nowhere/wgsd-client'],
        ...['--json', file('c.json'), '--html', file('c.html'), '--svg', file('c.svg')],
      ],
      { timeoutMs: TIMEOUT_MS },
    );
    assert.equal(code, 0, stderr);
    const comparison = JSON.parse(readFileSync(file('c.json'), 'utf8')) as Comparison;
    assert.deepEqual(schemaErrors(comparison), []);

    const [classic, original, wgsd] = comparison.approaches;
    for (const approach of [classic, original]) {
      const cone = approach?.connect?.cone;
      assert.ok(cone !== undefined && 'milliseconds' in cone, JSON.stringify(approach));
      // Each client asks at least once, and is answered.
      // Each connection needs at least three round trips: to the server, the handshake, the ping.
      assert.ok(cone.milliseconds >= 60 && cone.worstMilliseconds >= cone.milliseconds);
      const keepalive = approach?.connect?.keepalive;
      assert.ok(keepalive !== undefined && 'p95Milliseconds' in keepalive);
      assert.ok(cone.datagrams >= 4 && cone.bytes >= 4 * 28 + 2 * 64);
      const [stranger] = approach?.stranger ?? [];
      assert.ok(stranger !== undefined && 'asked' in stranger && stranger.endpointsDisclosed);
    }
    assert.equal(wgsd?.problem, '/nowhere/coredns cannot be run (ENOENT)');
    assert.equal(wgsd.connect, undefined);

    assert.equal(comparison.plan.roundTripMilliseconds, 20);
    assert.match(stdout, /^Quick run \(one round/m);
    assert.match(stdout, /^\[1\] wgsd did not run: \/nowhere\/coredns cannot be run \(ENOENT\)$/m);
    assert.match(readFileSync(file('c.html'), 'utf8'), /<h2>What a stranger learns/);
    assert.match(readFileSync(file('c.svg'), 'utf8'), /^<svg .*cone NATs/s);
    assert.match(stderr, /info {2}0 of \d+ done: classic: connect cone, round 1 of 1/);
  });

  it('runs the sealed and the DNS approach, and the programs given as wgsd', async () => {
    // In place of the real ones, which no Debian package has: ours, with wgsd's arguments.
    const coredns = program('coredns', [
      "const corefile = readFileSync(args[args.indexOf('-conf') + 1], 'utf8');",
      'const [, zone, name] = /wgsd (\\S+) (\\S+)/.exec(corefile);',
      "run(['dns', 'server', '--zone', zone, '--interface', name, '--listen', '0.0.0.0:53', '--public']);",
    ]);
    const client = program('wgsd-client', [
      'const value = (flag) => args[args.indexOf(flag) + 1];',
      "run(['dns', 'client', value('-device'), '--dns', value('-dns'), '--zone', value('-zone'), '--once']);",
    ]);
    const { code, stdout, stderr } = await runCommand(
      [
        ...['compare', '--quick', '--approach', 'sealed', 'dns', 'wgsd', '--pair', 'cone'],
        ...['--measure', 'connect', 'peers', 'stranger', '--json', file('d.json')],
        ...['--wgsd-coredns', coredns, '--wgsd-client', client],
      ],
      { timeoutMs: TIMEOUT_MS },
    );
    assert.equal(code, 0, stderr);
    const comparison = JSON.parse(readFileSync(file('d.json'), 'utf8')) as Comparison;
    assert.deepEqual(schemaErrors(comparison), []);
    for (const { connect, peers } of comparison.approaches) {
      assert.ok(connect?.cone && 'milliseconds' in connect.cone, stdout);
      // Not one peer after the other.
      assert.ok(peers && 'roundTrips' in peers && peers.roundTrips < 60, stdout);
    }
    const disclosed = comparison.approaches.map(({ stranger }) =>
      stranger?.map((found) => 'asked' in found && found.endpointsDisclosed),
    );
    assert.deepEqual(disclosed, [[false, false], [true, false], [true]], stdout);
  });

  it('asks a server that knows many peers as fast as it answers', async () => {
    const { code, stdout, stderr } = await runCommand(
      [
        ...['compare', '--quick', '--approach', 'dns', '--measure', 'rate'],
        ...['--json', file('r.json')],
      ],
      { timeoutMs: TIMEOUT_MS },
    );
    assert.equal(code, 0, stderr);
    const comparison = JSON.parse(readFileSync(file('r.json'), 'utf8')) as Comparison;
    assert.deepEqual(schemaErrors(comparison), []);
    const rates = Object.entries(comparison.approaches[0]?.rate ?? {});
    assert.deepEqual(
      rates.map(([peers]) => peers),
      ['10', '1000', '10000'],
    );
    for (const [, rate] of rates) {
      assert.ok('perSecond' in rate && rate.perSecond > 0, stdout);
      assert.ok(rate.processorMicroseconds > 0, stdout);
    }
  });

  it('waits for the tunnel where the server is late', async () => {
    const tools = {
      ours: new OurProgram(PROGRAM),
      agents: new AgentStarter(PROGRAM),
      wgsd: undefined,
    };
    await using approach = await APPROACHES.classic(tools).prepare();
    const limits = { quick: true, roundTripMs: 50 };
    const { milliseconds } = await measureFault(approach, 'server-late', limits);
    assert.ok(milliseconds > 0);
  });

  /** An executable file that runs our program with other arguments. */
  function program(name: string, lines: readonly string[]): string {
    const text = [
      '#!/usr/bin/env node',
      "const { readFileSync } = require('node:fs');",
      "const { spawn } = require('node:child_process');",
      'const args = process.argv.slice(2);',
      'function run(ours) {',
      `  const child = spawn(process.execPath, [${JSON.stringify(PROGRAM)}, ...ours], { stdio: 'inherit' });`,
      "  process.on('SIGTERM', () => child.kill());",
      "  child.on('exit', (code) => process.exit(code ?? 1));",
      '}',
      ...lines,
    ];
    writeFileSync(file(name), `${text.join('\n')}\n`, { mode: 0o755 });
    return file(name);
  }

  it('says in one line why it cannot run', async () => {
    const unwritable = await runCommand(['compare', '--json', '/nowhere/c.json']);
    assert.equal(unwritable.code, 2);
    assert.match(unwritable.stderr, /^error: cannot write \/nowhere\/c\.json \(ENOENT\): .*\n$/);
    const half = await runCommand(['compare', '--wgsd-client', '/bin/true']);
    assert.equal(half.code, 2);
    assert.match(half.stderr, /^error: wgsd needs both options: .*\n$/);
    const powerless = await runCommand(['compare'], { uid: 65534 });
    assert.equal(powerless.code, 1);
    assert.match(powerless.stderr, /^error: .*run it as root\n$/);
  });
});
