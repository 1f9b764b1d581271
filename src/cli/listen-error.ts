import { endpoint, formatEndpoint } from '../wire/endpoint.js';
import { UsageError } from './exit-code.js';

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; stop what uses it (ss -lunp, ss -ltnp) or choose another',
  EADDRNOTAVAIL: 'this host has no such address; see ip address',
  EACCES: 'a port below 1024 needs CAP_NET_BIND_SERVICE; run as root or choose another',
  EINVAL: 'a link-local address needs its zone, as in [fe80::1%eth0]:49918',
  ENODEV: 'this host has no such interface; see ip link',
  EAFNOSUPPORT: 'this host lacks that address family',
};

/** An error of listening, with the address and what to do. */
export function listenError(
  error: NodeJS.ErrnoException & { address?: string; port?: number },
): Error {
  if (error instanceof RangeError) {
    return new UsageError(error.message);
  }
  const advice = ADVICE[error.code ?? ''];
  if (advice === undefined || error.address === undefined) {
    return error;
  }
  const where = formatEndpoint(endpoint(error.address, error.port ?? 0));
  return new UsageError(`cannot listen on ${where} (${error.code}): ${advice}`);
}
