import type { RemoteInfo } from 'node:dgram';
import { addressBytes, type Family, formatAddress, zoneOf } from '../wire/endpoint.js';
import { isLinkLocalIpv6 } from '../wire/endpoint-scope.js';
import { ADDRESS_WORDS, type DatagramBatch, INTERFACE_WORD, PORT_WORD } from './datagram-batch.js';
import type { ZoneNames } from './zone-names.js';

/** Puts a datagram of node:dgram into a slot; the local address stays 0, as dgram does not report it. */
export function storeDatagram(
  batch: DatagramBatch,
  slot: number,
  message: Uint8Array,
  remote: Pick<RemoteInfo, 'address' | 'port'>,
  zones: ZoneNames,
): void {
  const { payload, stride, lengths, addresses } = batch;
  const fits = message.length <= stride;
  payload.set(fits ? message : message.subarray(0, stride), slot * stride);
  lengths[slot] = fits ? message.length : stride + 1;
  const start = slot * ADDRESS_WORDS;
  addresses.fill(0, start, start + ADDRESS_WORDS);
  addressView(addresses, start, 16).set(addressBytes(remote.address));
  addresses[start + PORT_WORD] = remote.port;
  const zone = zoneOf(remote.address);
  if (zone !== undefined) {
    addresses[start + INTERFACE_WORD] = zones.numberOf(zone);
  }
}

/** The remote address of a slot, as dgram takes it. */
export function remoteOf(batch: DatagramBatch, slot: number, family: Family, zones: ZoneNames) {
  const { addresses } = batch;
  const start = slot * ADDRESS_WORDS;
  const address = formatAddress(addressView(addresses, start, family === 4 ? 4 : 16));
  const zone = isLinkLocalIpv6(address)
    ? zones.nameOf(addresses[start + INTERFACE_WORD] as number)
    : undefined;
  return {
    address: zone === undefined ? address : `${address}%${zone}`,
    port: addresses[start + PORT_WORD] as number,
  };
}

function addressView(addresses: Uint32Array, word: number, length: number): Uint8Array {
  return new Uint8Array(addresses.buffer, addresses.byteOffset + word * 4, length);
}
