import sodium from 'sodium-native';
import { KEY_LENGTH, type PublicKey } from '../../src/wire/key.js';

/**
 * Replaces X25519 of this process, for a generator that makes more handshakes a second than the server that it
 * loads: to a server, its clients look like any others.
 * - All handshakes have one ephemeral key, so that its product with a server's key is computed once.
 * - The product of a client's key and a server's key is computed once.
 * - Two clients of the generator have a fixed shared secret: only they open the candidates sealed with it.
 * What is left for each handshake is two operations, for the server's ephemeral key, in place of six.
 */
export class CheapHandshakes {
  private readonly servers = new Set<string>();
  private readonly clients = new Set<string>();
  private readonly products = new Map<string, Uint8Array>();

  addServer(key: PublicKey): void {
    this.servers.add(text(key));
  }

  addClient(key: PublicKey): void {
    this.clients.add(text(key));
  }

  /** To be called when the clients have their keys: from then on all key pairs that are made are the same. */
  install(): void {
    const { crypto_scalarmult, crypto_scalarmult_base, randombytes_buf } = sodium;
    const ephemeral = new Uint8Array(KEY_LENGTH);
    const ephemeralPublic = new Uint8Array(KEY_LENGTH);
    randombytes_buf(ephemeral);
    ephemeral[0]! &= 0xf8;
    ephemeral[31] = (ephemeral[31]! & 0x7f) | 0x40;
    crypto_scalarmult_base(ephemeralPublic, ephemeral);
    sodium.randombytes_buf = (buffer) =>
      buffer.length === KEY_LENGTH ? buffer.set(ephemeral) : randombytes_buf(buffer);
    sodium.crypto_scalarmult_base = (publicKey) => publicKey.set(ephemeralPublic);
    sodium.crypto_scalarmult = (shared, secretKey, publicKey) => {
      const other = text(publicKey);
      if (this.clients.has(other)) {
        shared.fill(1);
      } else if (this.servers.has(other)) {
        shared.set(this.product(secretKey, publicKey, other, crypto_scalarmult));
      } else {
        crypto_scalarmult(shared, secretKey, publicKey);
      }
    };
  }

  private product(
    secretKey: Uint8Array,
    publicKey: Uint8Array,
    server: string,
    multiply: typeof sodium.crypto_scalarmult,
  ): Uint8Array {
    const name = `${text(secretKey)}${server}`;
    let product = this.products.get(name);
    if (product === undefined) {
      product = new Uint8Array(KEY_LENGTH);
      multiply(product, secretKey, publicKey);
      this.products.set(name, product);
    }
    return product;
  }
}

function text(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
