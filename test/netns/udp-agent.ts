/*
 * Sends and receives UDP in its namespace, for udp-probe.ts. Reads one order per line of stdin, and writes
 * one event per line of stdout, both as JSON.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { createInterface } from 'node:readline';
import type { AgentEvent, AgentOrder } from './udp-probe.js';

const sockets = new Map<number, Socket>();

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as AgentOrder;
  if (order.kind === 'open') {
    await open(order.port, order.address);
  } else {
    await send(order);
  }
}
process.exit();

async function open(port: number, address: string): Promise<void> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.on('message', (payload, { address: from, port: fromPort }) => {
    tell({ kind: 'received', at: port, from, fromPort, text: payload.toString() });
  });
  // An ICMP error may fail the next send. The receiver reports what arrived.
  socket.on('error', (error) => process.stderr.write(`${error.message}\n`));
  await new Promise<void>((resolve) => socket.bind(port, address, resolve));
  socket.setRecvBufferSize(4_000_000);
  sockets.set(port, socket);
  tell({ kind: 'opened', port });
}

async function send(order: AgentOrder & { kind: 'send' }): Promise<void> {
  const { from, to, port, texts, ttl } = order;
  if (ttl !== undefined) {
    sockets.get(from)?.setTTL(ttl);
  }
  for (const text of texts) {
    await new Promise<void>((resolve) => {
      sockets.get(from)?.send(text, port, to, () => resolve());
    });
  }
}

function tell(event: AgentEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}
