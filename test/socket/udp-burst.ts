import { loadBinding, type NativeUdpBatch } from '../../src/socket/binding.js';
import { ADDRESS_WORDS, createDatagramBatch, PORT_WORD } from '../../src/socket/datagram-batch.js';
import { addressBytes, type Endpoint } from '../../src/wire/endpoint.js';

const BURST = 128;
const STRIDE = 64;

/** A sender that does not wait for the loop: when burst() returns, the datagrams are queued. */
export class BurstSender {
  readonly #native: NativeUdpBatch;
  readonly #batch = createDatagramBatch(BURST, STRIDE);

  constructor(address: string) {
    this.#native = new (loadBinding().UdpBatch)({
      family: address.includes(':') ? 6 : 4,
      address: addressBytes(address),
      scopeId: 0,
      port: 0,
      receiveBufferBytes: 4 << 20,
    });
  }

  get port(): number {
    return this.#native.port;
  }

  /** Sends datagrams of 4 bytes, numbered 0..count - 1 (in the machine's byte order). */
  burst(to: Endpoint, count: number): void {
    const { payload, payloadWords, stride, lengths, addresses } = this.#batch;
    for (let start = 0; start < count; start += BURST) {
      const size = Math.min(BURST, count - start);
      for (let i = 0; i < size; i++) {
        payloadWords[(i * STRIDE) / 4] = start + i;
        lengths[i] = 4;
        const bytes = new Uint8Array(addresses.buffer, i * ADDRESS_WORDS * 4, 16);
        bytes.set(addressBytes(to.address));
        addresses[i * ADDRESS_WORDS + PORT_WORD] = to.port;
      }
      this.#native.send(payload, stride, lengths, addresses, size);
    }
  }

  /** The numbers of all echoes that are queued now. */
  echoes(): number[] {
    const { payload, payloadWords, stride, lengths, addresses } = this.#batch;
    const numbers: number[] = [];
    for (;;) {
      const count = this.#native.receive(payload, stride, lengths, addresses);
      if (count === 0) {
        return numbers;
      }
      for (let i = 0; i < count; i++) {
        numbers.push(payloadWords[(i * STRIDE) / 4] as number);
      }
    }
  }

  close(): void {
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
