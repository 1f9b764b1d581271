import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { openRegistry } from '../../src/dns/service.js';
import { openService } from '../../src/server/service.js';
import { loadBinding } from '../../src/socket/binding.js';
import {
  ADDRESS_WORDS,
  createDatagramBatch,
  LOCAL_WORD,
  PORT_WORD,
} from '../../src/socket/datagram-batch.js';
import { encodeClassicRequest } from '../../src/wire/classic.js';
import { addressBytes, type Endpoint, endpoint } from '../../src/wire/endpoint.js';
import { EXAMPLE, FIRST_NAME, query } from '../dns/asking.js';
import { until } from '../native/deadline.js';
import { LoopbackPeer } from './loopback-peer.js';
import { assertOneSourceIsBounded } from './one-source.js';
import { key } from './requests.js';

/** Scenarios of own-network.test.ts, run in its network; each prints what it saw as JSON. */
const SCENARIOS: Record<string, () => Promise<unknown>> = {
  'one-64': oneSite,
  'receive-error': receiveError,
};

/** Each datagram is sent from another address of one /64. */
async function oneSite(): Promise<unknown> {
  const sender = new (loadBinding().UdpBatch)({
    family: 6,
    address: addressBytes('::'),
    scopeId: 0,
    port: 0,
    receiveBufferBytes: 0,
  });
  const { payload, stride, lengths, addresses } = createDatagramBatch(1, 128);
  const bytes = new Uint8Array(addresses.buffer, 0, ADDRESS_WORDS * 4);
  let number = 0;
  let sent = 0;
  const send = async (server: Endpoint, datagram: Uint8Array): Promise<void> => {
    number++;
    payload.set(datagram);
    lengths[0] = datagram.length;
    bytes.set(addressBytes(server.address));
    addresses[PORT_WORD] = server.port;
    bytes.set(addressBytes(`fd00:66::${number.toString(16)}`), LOCAL_WORD * 4);
    sent += sender.send(payload, stride, lengths, addresses, 1);
  };
  await using peer = await LoopbackPeer.open('fd00:7::1');
  await assertOneSourceIsBounded(endpoint('::1', 0), peer, send, 25);
  sender.close();
  return { addresses: sent };
}

/** By SOCK_DESTROY, as in udp-batch-network-child.ts. */
async function receiveError(): Promise<unknown> {
  const port = 5000;
  let told = 0;
  const onSocketError = () => {
    told++;
  };
  const listen = [endpoint('127.0.0.1', port)];
  const isRegistry = process.argv[3] === 'registry';
  await using service = isRegistry
    ? await openRegistry(
        { zones: [{ name: 'example.com' }], interfaceName: 'none', isPublic: true, listen, read },
        { onListening() {}, onProblem() {}, onDeviceProblem() {}, onSocketError },
      )
    : await openService({ listen }, { onSocketError });
  await promisify(execFile)('ss', ['-K', '-aun', 'sport', '=', `:${port}`]);
  await until('the error', () => told > 0);
  const client = createSocket('udp4');
  client.send(
    isRegistry ? query(FIRST_NAME, 'A') : encodeClassicRequest(key(1), key(1)),
    port,
    '127.0.0.1',
  );
  const answered = (await once(client, 'message')).length > 0;
  client.close();
  return { told, counted: service.counts().sockets.errors, answered };
}

async function read() {
  return EXAMPLE;
}

const scenario = SCENARIOS[process.argv[2] ?? ''];
if (scenario !== undefined) {
  console.log(JSON.stringify(await scenario()));
}
