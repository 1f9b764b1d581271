import type { DatagramTrace, Trace } from '../client/trace.js';
import { formatEndpoint } from '../wire/endpoint.js';
import type { LineLogger } from './late-logger.js';

/** Logs decisions at `debug`, and each datagram at `trace`. */
export function traceLog(
  logger: LineLogger,
  names: ReadonlyMap<string, string>,
): (trace: Trace) => void {
  return (trace) => {
    const { peer } = trace;
    const about = peer === undefined ? '' : `peer ${names.get(peer) ?? peer.slice(0, 8)}: `;
    if (trace.type === 'decision') {
      logger.debug({ peer }, about + trace.text);
    } else {
      const { way, kind, bytes, endpoint } = trace;
      const fields = { peer, way, kind, bytes, endpoint: formatEndpoint(endpoint) };
      logger.trace(fields, about + datagramText(trace));
    }
  };
}

/** `sent` and `failed` go to an endpoint, `received` and `ignored` come from one. */
function datagramText({ way, kind, bytes, endpoint, text }: DatagramTrace): string {
  const direction = way === 'sent' || way === 'failed' ? 'to' : 'from';
  const said = text === undefined ? '' : `: ${text}`;
  return `${way} ${kind} of ${bytes} bytes ${direction} ${formatEndpoint(endpoint)}${said}`;
}
