import { type Endpoint, formatEndpoint } from '../wire/endpoint.js';

/** This host has no way to an address: connect(2), send(2) or socket(2) fail at once. */
const NO_ROUTE_CODES: readonly unknown[] = [
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
];

/** Whether an error says that this host cannot reach an address, so that another one is to be tried. */
export function isNoRoute(error: unknown): boolean {
  return NO_ROUTE_CODES.includes((error as NodeJS.ErrnoException).code);
}

/**
 * One line for a send that failed on this host: what, why, and what to do.
 * @param hint what to look at if there is no route
 */
export function sendErrorText(
  error: NodeJS.ErrnoException,
  server: Endpoint,
  hint = 'is this host online?',
): string {
  const { code, message } = error;
  const to = formatEndpoint(server);
  if (code === 'EPERM') {
    return `this host's firewall refuses packets to ${to} (EPERM): allow UDP to that port; still trying`;
  }
  return isNoRoute(error)
    ? `no route to ${to} (${code}): ${hint} still trying`
    : `cannot send to ${to} (${code ?? message}): still trying`;
}
