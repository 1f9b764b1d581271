import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ConnectedSocket } from '../../src/socket/connected-socket.js';
import { exchangeOverTcp } from '../../src/socket/tcp-exchange.js';
import { endpoint } from '../../src/wire/endpoint.js';

const LOOPBACK = '127.0.0.1';

describe('a connected socket', () => {
  it('receives from its server only', async () => {
    const [server, stranger] = [createSocket('udp4'), createSocket('udp4')];
    for (const socket of [server, stranger]) {
      socket.bind(0, LOOPBACK);
      await once(socket, 'listening');
    }
    const heard: string[] = [];
    let connected: () => void = () => {};
    const ready = new Promise<void>((resolve) => {
      connected = resolve;
    });
    const socket = new ConnectedSocket({
      server: endpoint(LOOPBACK, server.address().port),
      onConnected: connected,
      onMessage: (message) => heard.push(Buffer.from(message).toString()),
      onError: assert.fail,
    });
    assert.equal(socket.isConnected, false);
    await ready;
    assert.equal(socket.isConnected, true);
    socket.send(Buffer.from('hello'));
    const [, { port }] = await once(server, 'message');
    // Once it is sent, it is in the queue, or dropped: over loopback nothing is on its way.
    await new Promise((resolve) => stranger.send('from a stranger', port, LOOPBACK, resolve));
    server.send('from the server', port, LOOPBACK);
    while (heard.length === 0) {
      await pause(5);
    }
    assert.deepEqual(heard, ['from the server']);
    await Promise.all([socket.close(), socket.close()]);
    assert.equal(socket.isConnected, false);
    server.close();
    stranger.close();
  });

  it('reports a closed port', async () => {
    const gone = createSocket('udp4').bind(0, LOOPBACK);
    await once(gone, 'listening');
    const server = endpoint(LOOPBACK, gone.address().port);
    gone.close();
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
      const socket: ConnectedSocket = new ConnectedSocket({
        server,
        onConnected: () => socket.send(Buffer.from('hello')),
        onMessage: () => assert.fail(),
        onError: (said) => void socket.close().then(() => resolve(said)),
      });
    });
    assert.equal(error.code, 'ECONNREFUSED');
  });
});

describe('an exchange over TCP', () => {
  const servers: ReturnType<typeof createServer>[] = [];
  after(() => {
    for (const server of servers) {
      server.close();
    }
  });

  /** What an exchange with such a server gives. */
  const exchange = async (
    serve: (socket: Socket) => void,
    { timeoutMs = 5000, signal = new AbortController().signal } = {},
  ): Promise<string> => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      serve(socket);
    }).listen(0, LOOPBACK);
    servers.push(server);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const to = endpoint(LOOPBACK, port);
    const message = await exchangeOverTcp(to, Buffer.from('question'), { timeoutMs, signal });
    return Buffer.from(message).toString();
  };

  it('takes a message in pieces, and no more than one', async () => {
    let asked = '';
    const answer = await exchange((socket) => {
      socket.setNoDelay(true);
      socket.once('data', async (bytes) => {
        asked = bytes.toString('latin1');
        for (const piece of ['\0', '\x06', 'ans', 'wer\0\x02no']) {
          socket.write(piece, 'latin1');
          await pause(2);
        }
      });
    });
    assert.equal(asked, '\0\x08question');
    assert.equal(answer, 'answer');
  });

  it('fails when the connection ends before the message does', async () => {
    for (const part of ['', '\0', '\0\x06answe']) {
      const cut = exchange((socket) => socket.end(part, 'latin1'));
      await assert.rejects(cut, /the server ended the connection/);
    }
  });

  it('fails when nothing comes in time', async () => {
    await assert.rejects(
      exchange(() => {}, { timeoutMs: 20 }),
      { code: 'ETIMEDOUT' },
    );
  });

  it('fails when it is called off', async () => {
    const calledOff = new AbortController();
    const running = exchange(() => calledOff.abort(), { signal: calledOff.signal });
    await assert.rejects(running, { name: 'AbortError' });
  });

  it('fails if nothing listens', async () => {
    const server = createServer().listen(0, LOOPBACK);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    const limits = { timeoutMs: 5000, signal: new AbortController().signal };
    const exchanged = exchangeOverTcp(endpoint(LOOPBACK, port), Buffer.from('q'), limits);
    await assert.rejects(exchanged, { code: 'ECONNREFUSED' });
  });
});
