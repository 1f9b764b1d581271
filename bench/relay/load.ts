import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Where datagrams leave, where to, and where they arrive in the end, as ADDRESS:PORT. */
export interface Route {
  readonly from: string;
  readonly to: string;
  readonly sink: string;
  /** Where the sink says that it is still there: a relay forgets who is silent for a minute. */
  readonly keepalive?: string;
  /** Hexadecimal bytes before each datagram, which the relay takes off. */
  readonly prefix?: string;
  /** Files of the network namespaces of `from` and `sink`. @default this one */
  readonly fromNetns?: string;
  readonly sinkNetns?: string;
  /** Bytes that the relay adds to each datagram on the wire. @default 0 */
  readonly overhead?: number;
}

export interface LoadOptions {
  /** Bytes of a datagram on the wire, as WireGuard's. */
  readonly bytes: number;
  readonly seconds: number;
  /** Datagrams per second; absent: as many as arrive. */
  readonly rate?: number;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly wrong: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Time for the process to start and to report. */
const MARGIN_MS = 10_000;

/** Drives a relay with the load generator; see native/relay-load.cc. */
export async function drive(
  program: string,
  route: Route,
  { bytes, seconds, rate }: LoadOptions,
): Promise<LoadResult> {
  const values = {
    from: route.from,
    to: route.to,
    sink: route.sink,
    bytes: bytes - (route.overhead ?? 0),
    seconds,
    rate,
    keepalive: route.keepalive,
    prefix: route.prefix,
    'from-netns': route.fromNetns,
    'sink-netns': route.sinkNetns,
  };
  const args = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, String(value)],
  );
  const options = { timeout: seconds * 1000 + MARGIN_MS };
  const { stdout } = await promisify(execFile)(program, args, options);
  const result = JSON.parse(stdout) as LoadResult;
  if (result.received === 0 || result.wrong > 0) {
    throw new Error(`the relay at ${route.to} does not pass datagrams: ${stdout}`);
  }
  return result;
}
