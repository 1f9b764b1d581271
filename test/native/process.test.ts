import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { evaluate, runNode } from './child.js';

const source = (name: string) => JSON.stringify(new URL(`../../src/${name}`, import.meta.url).href);

/** What a process with this source prints. */
async function output(text: string, ...flags: string[]): Promise<string> {
  const { code, signal, stdout, stderr } = await runNode(evaluate(text, ...flags));
  assert.deepEqual([code, signal], [0, null], stderr);
  return stdout;
}

test('hardenProcess: no core dump, and no access for other processes of the user', async () => {
  // Root reads everything by CAP_SYS_PTRACE; a process without it is one like any other.
  const launcher = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-sys_ptrace'] : [];
  const text = `
    import { spawnSync } from 'node:child_process';
    import { readFileSync } from 'node:fs';
    import { hardenProcess } from ${source('socket/process.js')};
    const limit = () => /Max core file size +(\\d+|unlimited) +(\\d+|unlimited)/
      .exec(readFileSync('/proc/self/limits', 'utf8')).slice(1);
    const isReadable = () => spawnSync('readlink', ['/proc/' + process.pid + '/exe']).status === 0;
    const before = isReadable();
    hardenProcess();
    console.log(JSON.stringify([before, isReadable(), limit()]));
  `;
  const [file, ...args] = [...launcher, process.execPath, ...evaluate(text)];
  const { stdout } = await promisify(execFile)(file as string, args);
  assert.deepEqual(JSON.parse(stdout), [true, false, ['0', '0']]);
});

test('openPipe: written bytes can be read, also through /proc/self/fd', async () => {
  const said = await output(`
    import { closeSync, readFileSync, writeSync } from 'node:fs';
    import { openPipe } from ${source('socket/process.js')};
    const { readEnd, writeEnd } = openPipe();
    writeSync(writeEnd, 'hello');
    closeSync(writeEnd);
    console.log(readFileSync('/proc/self/fd/' + readEnd, 'utf8'));
  `);
  assert.equal(said, 'hello\n');
});

test('lockInterface: taken once, names its holder, and is free when that process ends', async () => {
  const said = await output(`
    import { fork } from 'node:child_process';
    import { once } from 'node:events';
    import { lockInterface, isTrustedHolder } from ${source('socket/interface-lock.js')};
    const lock = ${JSON.stringify(`
      import(process.env.MODULE).then((module) => process.send(module.lockInterface('wg-t') ?? null));
      process.on('disconnect', () => process.exit());
    `)};
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, ['--eval', lock], { stdio: ['ignore', 1, 2, 'ipc'],
      env: { ...process.env, MODULE: ${source('socket/interface-lock.js')} } });
    const [first] = await once(child, 'message');
    const holder = lockInterface('wg-t');
    const other = lockInterface('wg-u');
    child.kill('SIGKILL');
    await once(child, 'close');
    console.log(JSON.stringify([first, holder.pid === child.pid, holder.uid === process.getuid(),
      isTrustedHolder(holder), isTrustedHolder({ pid: 1, uid: 12345 }), other, lockInterface('wg-t')]));
  `);
  assert.deepEqual(JSON.parse(said), [null, true, true, true, false, null, null]);
});

test('followParent: the process ends when its parent does', async () => {
  const child = `
    const { followParent } = await import(${source('socket/process.js')});
    process.on('SIGTERM', () => { console.log('stopped'); process.exit(); });
    console.log(followParent());
    setInterval(() => {}, 1000);
  `;
  const said = await output(`
    import { spawn } from 'node:child_process';
    import { once } from 'node:events';
    const middle = \`
      const { spawn } = require('node:child_process');
      spawn(process.execPath, ['--input-type=module', '--eval', process.env.SOURCE], { stdio: 'inherit' });
    \`;
    const shell = spawn(process.execPath, ['--eval', middle], {
      stdio: ['ignore', 'pipe', 2], env: { ...process.env, SOURCE: ${JSON.stringify(child)} } });
    let text = '';
    shell.stdout.on('data', (data) => { text += data; if (text === 'true\\n') shell.kill('SIGKILL'); });
    await once(shell, 'close');
    console.log(text.trim().split('\\n').join());
  `);
  assert.equal(said, 'true,stopped\n');
});
