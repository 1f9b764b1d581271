import { type BatchMemory, type BatchSocket, openBatchSocket } from '../../socket/batch-socket.js';
import { createDatagramBatch } from '../../socket/datagram-batch.js';
import { type ListenEndpoint, openAt } from '../../socket/listening.js';
import type { RelayHandler } from './relay-handler.js';

/** Slots of a batch, and bytes of each; see relayMemory. */
const CAPACITY = 128;
const STRIDE = 65_472;

/** After a batch of this many datagrams more are likely: relayed ones come in streams. */
const BUSY_BATCH = 4;

/** SO_RCVBUF: the queue of a second of 10 Mbit/s, at each port. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/** The first relay port, and how many there are. */
export interface RelayPorts {
  readonly first: number;
  readonly count: number;
}

/**
 * The slots of all relay sockets. WireGuard fragments what exceeds the path, so a datagram may be as large as
 * its interface's MTU says: 1 452 bytes usually, 8 960 with jumbo frames, and up to 64 KiB. Each slot has room
 * for all but the two largest messages that fit UDP. All sockets share 17 MB of addresses, of which only the
 * pages that a datagram has touched take memory: 1 MB with usual ones. The stride is not a power of two, so
 * that the beginnings of the slots spread over the sets of the cache.
 */
function relayMemory(): BatchMemory {
  return {
    received: createDatagramBatch(CAPACITY, STRIDE),
    outgoing: createDatagramBatch(CAPACITY, STRIDE),
  };
}

/**
 * Opens the relay ports at all addresses where the server listens.
 * Rejects with the system's error, with address and port, when one cannot be bound; none stays open then.
 */
export async function openRelaySockets(
  handler: Pick<RelayHandler<unknown>, 'answer' | 'addSocket'>,
  listen: readonly ListenEndpoint[],
  { first, count }: RelayPorts,
  onError: (error: Error) => void,
): Promise<BatchSocket[]> {
  const memory = relayMemory();
  const sockets: BatchSocket[] = [];
  try {
    for (let port = first; port < first + count; port++) {
      for (const where of distinctAddresses(listen)) {
        const { address, family } = where;
        const number = sockets.length;
        const socket = await openAt({ ...where, port }, () =>
          openBatchSocket({
            family,
            address,
            port,
            receiveBufferBytes: RECEIVE_BUFFER_BYTES,
            fragments: true,
            segments: true,
            moreFrom: BUSY_BATCH,
            memory,
            onBatch: (batch, size) =>
              handler.answer(batch, size, family, number, performance.now()),
            onError,
          }),
        );
        if (socket !== undefined) {
          sockets.push(socket);
          handler.addSocket(socket, port);
        }
      }
    }
    return sockets;
  } catch (error) {
    await Promise.all(sockets.map((socket) => socket.close()));
    throw error;
  }
}

/** A server may listen at several ports of an address. */
function distinctAddresses(listen: readonly ListenEndpoint[]): ListenEndpoint[] {
  return [...new Map(listen.map((where) => [where.address, where])).values()];
}
