import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { encode } from 'dns-packet';
import { type PublicKey, publicKey } from '../../src/wire/key.js';

/** Peers as they are configured. */
export type Peers = readonly {
  readonly key: PublicKey;
  readonly endpoint: string;
  readonly allowedIp: string;
}[];

/** So many peers, the same each time. */
export function somePeers(count: number): Peers {
  return Array.from({ length: count }, (_, i) => {
    const key = createHash('sha256').update(`peer ${i}`).digest();
    const low = `${i >> 8}.${i & 255}`;
    return {
      key: publicKey(Uint8Array.from(key)),
      endpoint: `100.64.${low}:${1024 + (i % 60_000)}`,
      allowedIp: `10.201.${low}/32`,
    };
  });
}

/** Writes a query for each name, with EDNS, as dns-load takes them. */
export async function writeQueries(
  file: string,
  names: readonly string[],
  type: 'SRV' | 'PTR',
): Promise<void> {
  const messages = names.map((name) => {
    const message = Buffer.concat([
      encode({ type: 'query', flags: 1 << 8, questions: [{ name, type }] }),
      Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]), // EDNS(0), 1232 bytes
    ]);
    message[11] = 1;
    return Buffer.concat([Buffer.of(message.length >> 8, message.length & 255), message]);
  });
  await writeFile(file, Buffer.concat(messages));
}
