import type { Binding, NativeRawSocket, NativeUdpBatch } from './native-types.js';

/** All members of a type: the compiler rejects a list from which one is missing, or that has one more. */
type MembersOf<T> = Readonly<Record<keyof T, true>>;

const RAW_SOCKET: MembersOf<NativeRawSocket> = {
  attachFilter: true,
  drain: true,
  setMark: true,
  findRoute: true,
  send: true,
  receive: true,
  start: true,
  close: true,
  ref: true,
  unref: true,
};

const UDP_BATCH: MembersOf<NativeUdpBatch> = {
  port: true,
  receiveBufferBytes: true,
  sendBufferBytes: true,
  kernelDrops: true,
  receive: true,
  send: true,
  start: true,
  pause: true,
  resume: true,
  close: true,
  ref: true,
  unref: true,
};

/** What the program uses of its addon: functions, and the instance members of classes. */
const USED: Readonly<Record<keyof Binding, object>> = {
  RawSocket: RAW_SOCKET,
  UdpBatch: UDP_BATCH,
  interfaceFlags: {},
  interfaceIndex: {},
  interfaceKind: {},
  openPipe: {},
  hardenProcess: {},
  enterNetworkNamespace: {},
  followParent: {},
  runProgram: {},
  lockName: {},
  forgetFlow: {},
  listenTcp: {},
  sendUnixDatagram: {},
};

/** What an addon lacks, such as `listenTcp` or `UdpBatch.pause`. One that lacks anything is of another version. */
export function missingMembers(addon: object): string[] {
  return Object.entries(USED).flatMap(([name, members]) => {
    const found: unknown = Reflect.get(addon, name);
    if (typeof found !== 'function') {
      return [name];
    }
    return Object.keys(members)
      .filter((member) => !(member in found.prototype))
      .map((member) => `${name}.${member}`);
  });
}
