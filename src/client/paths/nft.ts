import { inSocketNamespace } from '../../socket/network-namespace.js';
import { startProgram } from '../../socket/program.js';
import {
  EXECUTABLE_FOLDERS,
  findExecutable,
  TOOL_ENVIRONMENT,
} from '../../wireguard/executable.js';

const TIMEOUT_MS = 5000;
const MAX_OUTPUT_BYTES = 4_000_000;

/** Why nft did nothing. */
export type NftErrorCode = 'NFT_MISSING' | 'NFT_NOT_PERMITTED' | 'NFT_TIMEOUT' | 'NFT_FAILED';

/** A failed call of nft: one line that says what, why and what to do. */
export class NftError extends Error {
  override readonly name = 'NftError';

  constructor(
    readonly code: NftErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Runs nft in the network namespace of WireGuard's socket, without a shell and with a time limit of 5 s.
 * Returns what it printed. Rejects with an NftError.
 * @param script what it reads from stdin
 */
export async function runNft(args: readonly string[], script = ''): Promise<string> {
  const executable = findExecutable('nft');
  if (executable === undefined) {
    const folders = EXECUTABLE_FOLDERS.join(', ');
    throw new NftError(
      'NFT_MISSING',
      `the nft tool is in none of ${folders}: install the package nftables`,
    );
  }
  const program = inSocketNamespace(() =>
    startProgram(executable, args, {
      environment: TOOL_ENVIRONMENT,
      input: script,
      maxBytes: MAX_OUTPUT_BYTES,
      timeoutMs: TIMEOUT_MS,
    }),
  );
  const { code, isLate, stdout, stderr } = await program.end.catch(({ message }: Error) => {
    throw new NftError('NFT_FAILED', `cannot run ${executable}: ${message}`);
  });
  if (code === 0) {
    return stdout.toString();
  }
  throw isLate
    ? new NftError('NFT_TIMEOUT', `nft did not end within ${TIMEOUT_MS} ms`)
    : explain(stderr.toString());
}

function explain(errors: string): NftError {
  const [line = ''] = errors.trim().split('\n');
  return /not permitted|permission denied/i.test(line)
    ? new NftError('NFT_NOT_PERMITTED', 'may not use nft: this needs CAP_NET_ADMIN, run as root')
    : new NftError('NFT_FAILED', `nft failed: ${line || 'no message'}`);
}
