import { addressBytes, type Endpoint } from '../wire/endpoint.js';
import { loadBinding } from './binding.js';
import { inSocketNamespace } from './network-namespace.js';
import { PermissionError } from './permission-error.js';

/**
 * Deletes the kernel's connection tracking entry of a UDP flow, whichever of its directions is given, in the
 * namespace of WireGuard's socket. Returns whether there was one.
 * Throws a PermissionError without CAP_NET_ADMIN; else the system's error.
 */
export function forgetFlow(from: Endpoint, to: Endpoint): boolean {
  return PermissionError.explain('connection tracking', 'CAP_NET_ADMIN', () =>
    inSocketNamespace(() =>
      loadBinding().forgetFlow(
        addressBytes(from.address),
        from.port,
        addressBytes(to.address),
        to.port,
      ),
    ),
  );
}
