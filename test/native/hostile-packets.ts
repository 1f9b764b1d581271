import { randomBytes } from 'node:crypto';
import type { RawSocketCounters } from '../../src/socket/raw-socket.js';
import { endpoint, type Family } from '../../src/wire/endpoint.js';
import { fragments, packet } from './packets.js';
import { hostOf, REPLY_LENGTH, serverOf } from './raw-socket-peer.js';

/** Packets that must not reach the owner of a raw socket. */
export interface Hostile {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly packets: readonly Uint8Array[];
  /** How TypeScript's check counts them. */
  readonly cause: keyof RawSocketCounters;
  /** The kernel's filter cannot see it: it runs after the fragments are put together. */
  readonly passesFilter?: boolean;
}

/** A reply that has to get through, with a payload of its own. */
export function legitimateReply(family: Family, options?: Uint8Array) {
  const payload = randomBytes(REPLY_LENGTH);
  const fields = { from: serverOf(family), to: hostOf(family), payload };
  return { payload, packet: packet(options === undefined ? fields : { ...fields, options }) };
}

export function hostilePackets(family: Family): Hostile[] {
  const from = serverOf(family);
  const to = hostOf(family);
  const payload = randomBytes(REPLY_LENGTH);
  const short = randomBytes(REPLY_LENGTH - 1);
  const long = randomBytes(REPLY_LENGTH + 1);
  const stranger = endpoint(family === 4 ? '127.9.0.66' : 'fd00:9::66', from.port);
  const otherPort = endpoint(from.address, from.port + 1);
  const otherListener = endpoint(to.address, to.port + 1);
  const make = (fields: Partial<Parameters<typeof packet>[0]>) => [
    packet({ from, to, payload, ...fields }),
  ];
  const hostile: Hostile[] = [
    { name: 'another host', payload, packets: make({ from: stranger }), cause: 'foreignAddress' },
    { name: 'another port', payload, packets: make({ from: otherPort }), cause: 'foreignPort' },
    {
      name: 'another listener',
      payload,
      packets: make({ to: otherListener }),
      cause: 'foreignPort',
    },
    { name: 'too short', payload: short, packets: make({ payload: short }), cause: 'badLength' },
    { name: 'too long', payload: long, packets: make({ payload: long }), cause: 'badLength' },
    {
      name: 'fragments',
      payload,
      packets: fragments({ from, to, payload }),
      cause: 'fragment',
      passesFilter: true,
    },
  ];
  return family === 4
    ? [
        ...hostile,
        {
          name: 'IP options that look like a UDP header',
          payload,
          packets: make({ from: otherPort, options: udpLookalike() }),
          cause: 'foreignPort',
        },
      ]
    : hostile;
}

/** Read at the fixed offset 20, these options are the UDP header of a reply. */
function udpLookalike(): Uint8Array {
  const options = new Uint8Array(12);
  const view = new DataView(options.buffer);
  view.setUint16(0, serverOf(4).port);
  view.setUint16(2, hostOf(4).port);
  view.setUint16(4, 8 + REPLY_LENGTH);
  return options;
}
