import { loadBinding, type NativeRawSocket } from '../../src/socket/binding.js';
import { openRawSocket, type RawSocketOptions } from '../../src/socket/raw-socket.js';
import { assemble, type PacketRule } from '../../src/wire/bpf.js';
import { addressBytes, type Endpoint, endpoint, type Family } from '../../src/wire/endpoint.js';

const RET_K = 0x06;

/** A program that lets everything through, as if there were none. */
export const ACCEPT_ALL = assemble([{ code: RET_K, jt: 0, jf: 0, k: 0xffffffff }]);

/**
 * The server's port is one whose two bytes read as an IPv4 option of unknown type 0x9e and length 12,
 * so that options can be made that look like a UDP header (see hostile-packets.ts).
 */
const SERVER_PORT = 0x9e0c;
const LISTEN_PORT = 51829;

/** Reply length of the tests, in bytes. */
export const REPLY_LENGTH = 16;

/** Addresses of the loopback interface; over IPv6 there is only one. */
export function serverOf(family: Family): Endpoint {
  return endpoint(family === 4 ? '127.9.0.1' : '::1', SERVER_PORT);
}

export function hostOf(family: Family): Endpoint {
  return endpoint(family === 4 ? '127.9.0.2' : '::1', LISTEN_PORT);
}

/** What the sockets of the tests accept: replies of the server. */
export function ruleOf(family: Family): PacketRule {
  const { address, port } = serverOf(family);
  return {
    family,
    source: { address: addressBytes(address), port },
    listenPort: LISTEN_PORT,
    payloadLengths: [REPLY_LENGTH],
  };
}

export interface Heard extends AsyncDisposable {
  readonly payloads: Uint8Array[];
  readonly socket: ReturnType<typeof openRawSocket>;
}

/** A raw socket of ours that keeps what reaches its owner. */
export function listen(
  family: Family,
  open: NonNullable<RawSocketOptions['open']> = openNative,
): Heard {
  const payloads: Uint8Array[] = [];
  const socket = openRawSocket({
    rule: ruleOf(family),
    mark: 0,
    onPayload: (payload) => payloads.push(payload),
    onError: (error) => {
      throw error;
    },
    open,
  });
  return { payloads, socket, [Symbol.asyncDispose]: () => socket.close() };
}

export function openNative(family: Family): NativeRawSocket {
  return new (loadBinding().RawSocket)(family);
}

/** A native raw socket, some of whose methods are replaced: a defence taken away. */
export function openWith(
  family: Family,
  replace: (native: NativeRawSocket) => Partial<NativeRawSocket>,
): NativeRawSocket {
  const native = openNative(family);
  return {
    attachFilter: (program) => native.attachFilter(program),
    drain: () => native.drain(),
    setMark: (mark) => native.setMark(mark),
    findRoute: (...flow) => native.findRoute(...flow),
    send: (...packet) => native.send(...packet),
    receive: (buffer) => native.receive(buffer),
    start: (onReadable) => native.start(onReadable),
    close: (onClosed) => native.close(onClosed),
    ref: () => native.ref(),
    unref: () => native.unref(),
    ...replace(native),
  };
}

/** All packets queued on a native socket, as copies. */
export function takeAll(native: NativeRawSocket) {
  const buffer = new Uint8Array(2048);
  const taken: { bytes: Uint8Array; source: Uint8Array; fragmented: boolean }[] = [];
  for (let next = native.receive(buffer); next !== null; next = native.receive(buffer)) {
    taken.push({ ...next, bytes: buffer.slice(0, next.length) });
  }
  return taken;
}

/** Whether bytes end in a payload. */
export function endsIn(bytes: Uint8Array, payload: Uint8Array): boolean {
  return Buffer.from(bytes).subarray(-payload.length).equals(payload);
}
