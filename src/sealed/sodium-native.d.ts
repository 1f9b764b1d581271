/** The part of sodium-native 5 that is used here. Functions of libsodium; a status below 0 becomes an Error. */
declare module 'sodium-native' {
  const sodium: {
    crypto_scalarmult(shared: Uint8Array, secretKey: Uint8Array, publicKey: Uint8Array): void;
    crypto_scalarmult_base(publicKey: Uint8Array, secretKey: Uint8Array): void;
    crypto_generichash(output: Uint8Array, input: Uint8Array, key?: Uint8Array): void;
    crypto_aead_chacha20poly1305_ietf_encrypt(
      ciphertext: Uint8Array,
      plaintext: Uint8Array,
      associated: Uint8Array,
      secretNonce: null,
      nonce: Uint8Array,
      key: Uint8Array,
    ): number;
    crypto_aead_chacha20poly1305_ietf_decrypt(
      plaintext: Uint8Array,
      secretNonce: null,
      ciphertext: Uint8Array,
      associated: Uint8Array,
      nonce: Uint8Array,
      key: Uint8Array,
    ): number;
    crypto_aead_xchacha20poly1305_ietf_encrypt(
      ciphertext: Uint8Array,
      plaintext: Uint8Array,
      associated: Uint8Array | null,
      secretNonce: null,
      nonce: Uint8Array,
      key: Uint8Array,
    ): number;
    crypto_aead_xchacha20poly1305_ietf_decrypt(
      plaintext: Uint8Array,
      secretNonce: null,
      ciphertext: Uint8Array,
      associated: Uint8Array | null,
      nonce: Uint8Array,
      key: Uint8Array,
    ): number;
    randombytes_buf(buffer: Uint8Array): void;
    /** In constant time. The two have the same length. */
    sodium_memcmp(a: Uint8Array, b: Uint8Array): boolean;
    sodium_memzero(buffer: Uint8Array): void;
  };
  export default sodium;
}
