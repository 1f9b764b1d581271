/** Words of an address slot: remote address 0..3, remote port 4, local address 5..8, interface 9. */
export const ADDRESS_WORDS = 10;

/** Bytes of an address slot. */
export const ADDRESS_BYTES = 4 * ADDRESS_WORDS;

/** Word of the remote port (a number), the local address (4 words), and the interface's number. */
export const PORT_WORD = 4;
export const LOCAL_WORD = 5;
export const INTERFACE_WORD = 9;

/** A length that says: send nothing from this slot. */
export const NO_REPLY = -1;

const MAX_DATAGRAM = 65535;

/**
 * Datagrams side by side in memory that is allocated once. A reply is made in place: payload and
 * length are overwritten, and the addresses are where it goes to and comes from already.
 */
export interface DatagramBatch {
  /** Slots. */
  readonly capacity: number;
  /** Bytes of payload in each slot, a multiple of 4. */
  readonly stride: number;
  /** Slot i begins at i * stride. */
  readonly payload: Uint8Array;
  /** The same memory in words. */
  readonly payloadWords: Uint32Array;
  /**
   * Received: bytes of payload, or stride + 1 for a datagram that did not fit and was cut.
   * To send: bytes of payload; anything outside 0..stride is not sent.
   */
  readonly lengths: Int32Array;
  /**
   * Slot i begins at i * ADDRESS_WORDS. Addresses are in network order in memory, IPv4 in the first of
   * their four words. The interface's number is set for IPv6, and used for link-local addresses; a
   * socket on node:dgram has numbers of its own for them.
   */
  readonly addresses: Uint32Array;
  /** The same memory in bytes. */
  readonly addressBytes: Uint8Array;
}

/** Throws a RangeError when a batch has no `count` slots. */
export function expectSlots({ capacity }: DatagramBatch, count: number): void {
  if (!Number.isInteger(count) || count < 0 || count > capacity) {
    throw new RangeError(`Expected the \`count\` of slots to be 0..${capacity}, got ${count}`);
  }
}

/** Allocates a batch. Throws a RangeError on a stride that is not a multiple of 4 up to 65535. */
export function createDatagramBatch(capacity: number, stride: number): DatagramBatch {
  if (stride % 4 !== 0 || stride < 4 || stride > MAX_DATAGRAM) {
    throw new RangeError(
      `Expected the \`stride\` to be a multiple of 4 below 65536, got ${stride}`,
    );
  }
  const slab = new ArrayBuffer(capacity * stride);
  const addresses = new Uint32Array(capacity * ADDRESS_WORDS);
  return {
    capacity,
    stride,
    payload: new Uint8Array(slab),
    payloadWords: new Uint32Array(slab),
    lengths: new Int32Array(capacity),
    addresses,
    addressBytes: new Uint8Array(addresses.buffer),
  };
}
