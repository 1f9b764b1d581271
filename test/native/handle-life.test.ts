import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { evaluate, runNode } from './child.js';
import { ENDINGS, KINDS, STEPS } from './handle-life-child.js';

const CHILD = fileURLToPath(new URL('handle-life-child.js', import.meta.url));

/** The children say this when all went as it should: a crash or an early end would be another code. */
const EXPECTED_CODE = 7;

for (const ending of ENDINGS) {
  describe(`a handle whose environment ends by ${ending}`, () => {
    for (const kind of KINDS) {
      // What waits for a packet keeps waiting when nothing holds the process: not a step of "unref".
      const steps = STEPS.filter((step) => ending !== 'unref' || !step.endsWith('received'));
      for (const step of steps) {
        it(`${kind}: ${step}`, async () => {
          const outcome = await runNode([CHILD, ending, kind, step]);
          assert.deepEqual(outcome, { code: EXPECTED_CODE, signal: null, stdout: '', stderr: '' });
        });
      }
    }
  });
}

const PRELUDE = `
  import { readdirSync, readlinkSync } from 'node:fs';
  import { loadBinding } from '../../src/socket/binding.js';
  const { RawSocket, UdpBatch } = loadBinding();
  const sockets = () => readdirSync('/proc/self/fd').filter((fd) => {
    try { return readlinkSync('/proc/self/fd/' + fd).startsWith('socket:'); } catch { return false; }
  }).length;
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const udp = (port = 0) => new UdpBatch(
    { family: 4, address: Uint8Array.of(127, 0, 0, 1), scopeId: 0, port, receiveBufferBytes: 0 });
  const before = sockets();
`;

describe('a handle', () => {
  it('is closed once, however often close is called', async () => {
    const outcome = await runNode(
      evaluate(`${PRELUDE}
        let closed = 0;
        for (const socket of [new RawSocket(4), udp()]) {
          socket.start(() => {});
          socket.close(() => { closed++; console.log(sockets() - before); socket.close(() => closed++); });
          socket.close(() => closed++);
          socket.ref();
          socket.unref();
        }
        process.on('exit', () => console.log(closed, sockets() - before));
      `),
    );
    assert.deepEqual(outcome, { code: 0, signal: null, stdout: '1\n0\n2 0\n', stderr: '' });
  });

  it('can be closed within its callback, and is not called again', async () => {
    const outcome = await runNode(
      evaluate(`${PRELUDE}
        import { createSocket } from 'node:dgram';
        const socket = udp();
        let calls = 0;
        socket.start(() => { calls++; socket.close(() => console.log('closed')); });
        const sender = createSocket('udp4');
        sender.send('x', socket.port, '127.0.0.1', () => sender.close());
        process.on('exit', () => console.log(calls, sockets() - before));
      `),
    );
    assert.deepEqual(outcome, { code: 0, signal: null, stdout: 'closed\n1 0\n', stderr: '' });
  });

  it('is closed by the garbage collector where the program did not', async () => {
    const outcome = await runNode(
      evaluate(
        `${PRELUDE}
        for (let i = 0; i < 50; i++) { new RawSocket(4); udp(); }
        console.log(sockets() - before);
        const deadline = Date.now() + 10000;
        while (sockets() > before && Date.now() < deadline) { gc(); await turn(); }
        console.log(sockets() - before);
      `,
        '--expose-gc',
      ),
    );
    assert.deepEqual(outcome, { code: 0, signal: null, stdout: '150\n0\n', stderr: '' });
  });

  it('is kept from the garbage collector while it polls', async () => {
    const outcome = await runNode(
      evaluate(
        `${PRELUDE}
        import { createSocket } from 'node:dgram';
        const port = (() => {
          const socket = udp();
          socket.start(() => { console.log('called'); process.exit(); });
          return socket.port;
        })();
        for (let i = 0; i < 20; i++) { gc(); await turn(); }
        createSocket('udp4').send('x', port, '127.0.0.1');
      `,
        '--expose-gc',
      ),
    );
    assert.deepEqual(outcome, { code: 0, signal: null, stdout: 'called\n', stderr: '' });
  });

  it('leaves nothing when its constructor throws', async () => {
    const outcome = await runNode(
      evaluate(
        `${PRELUDE}
        const taken = udp();
        const thrown = [];
        for (let i = 0; i < 50; i++) { try { udp(taken.port); } catch (e) { thrown.push(e.code); } }
        process.setgroups([]);
        process.setgid(65534);
        process.setuid(65534);
        for (let i = 0; i < 50; i++) { try { new RawSocket(6); } catch (e) { thrown.push(e.message); } }
        gc();
        await turn();
        console.log([...new Set(thrown)].join('; '), thrown.length, sockets() - before);
        taken.close();
      `,
        '--expose-gc',
      ),
    );
    const stdout = 'EADDRINUSE; EPERM: operation not permitted, socket 100 1\n';
    assert.deepEqual(outcome, { code: 0, signal: null, stdout, stderr: '' });
  });

  it('keeps the process running until unref, and again after ref', async () => {
    const outcome = await runNode(
      evaluate(`${PRELUDE}
        const socket = udp();
        socket.start(() => {});
        socket.unref();
        socket.ref();
        // Only a loop that the socket keeps alive reaches an unref'd timer.
        setTimeout(() => { console.log('alive'); socket.unref(); }, 50).unref();
      `),
    );
    assert.deepEqual(outcome, { code: 0, signal: null, stdout: 'alive\n', stderr: '' });
  });

  it('lets an exception of its callback become an uncaughtException, and goes on', async () => {
    const outcome = await runNode(
      evaluate(`${PRELUDE}
        import { createSocket } from 'node:dgram';
        const socket = udp();
        process.on('uncaughtException', (error) => console.log(error.message));
        let calls = 0;
        socket.start(() => {
          calls++;
          if (calls === 3) { socket.close(() => { throw new Error('closed'); }); }
          throw new Error('call ' + calls);
        });
        const sender = createSocket('udp4');
        sender.send('x', socket.port, '127.0.0.1', () => sender.close());
      `),
    );
    const stdout = 'call 1\ncall 2\ncall 3\nclosed\n';
    assert.deepEqual(outcome, { code: 0, signal: null, stdout, stderr: '' });
  });
});

describe('without privilege', () => {
  it('the raw socket names in one line the capability that it needs and how to get it', async () => {
    const outcome = await runNode(
      evaluate(`
        import { openRawSocket } from '../../src/socket/raw-socket.js';
        process.setgroups([]);
        process.setgid(65534);
        process.setuid(65534);
        try {
          openRawSocket({ rule: { family: 4, source: undefined, listenPort: 9, payloadLengths: [6] },
            mark: 0, onPayload() {}, onError() {} });
        } catch (error) {
          console.log(error.message);
          console.log(error.code, error.syscall, error.cause.message);
        }
      `),
    );
    assert.equal(outcome.stderr, '');
    const [message, details] = outcome.stdout.split('\n');
    assert.match(
      message ?? '',
      /^the raw socket needs CAP_NET_RAW \(EPERM\): run as root, or .*AmbientCapabilities=CAP_NET_RAW .* --inh-caps \+net_raw --ambient-caps \+net_raw COMMAND$/,
    );
    assert.equal(details, 'EPERM socket EPERM: operation not permitted, socket');
  });
});
