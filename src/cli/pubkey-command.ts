import { Command } from 'commander';
import { formatPublicKey } from '../wire/key.js';
import { EXIT } from './exit-code.js';
import { usable } from './sealed-files.js';

/** `pubkey`. */
export function pubkeyCommand(exit: (code: number) => void): Command {
  return new Command('pubkey')
    .description("print a server's public key, which clients give as --server-key")
    .requiredOption('--key <file>', "the server's private key")
    .action(async ({ key }: { readonly key: string }) => {
      const { readServerKey } = await import('../server/sealed/key-file.js');
      process.stdout.write(`${formatPublicKey(usable(() => readServerKey(key)).publicKey)}\n`);
      exit(EXIT.ok);
    });
}
