import type { DefaultGateway } from '../../socket/default-gateway.js';
import { isSocketElsewhere } from '../../socket/network-namespace.js';
import { SocketBank } from '../../socket/socket-bank.js';
import { endpoint } from '../../wire/endpoint.js';
import { SSDP_ADDRESS, SSDP_PORT, SSDP_SEARCH, searchLocation } from '../../wire/upnp.js';

/** Pauses after the datagrams of an exchange (RFC 6886, 3.1, which would go on for a minute). */
const PAUSES_MS = [150, 250, 500];
const HTTP_TIMEOUT_MS = 3000;
const MAX_BODY_BYTES = 65_536;
const MAX_DATAGRAM = 1280;

/** An answer over HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** How PortMapping talks to the default gateway, and to no other host. */
export interface GatewayLink {
  readonly gateway: DefaultGateway;
  /**
   * Sends a datagram to a port of the gateway until a reply makes sense, at most three times. Undefined when
   * none did within a second.
   */
  exchange<T>(
    port: number,
    message: Uint8Array,
    read: (reply: Uint8Array) => T | undefined,
  ): Promise<T | undefined>;
  /** The URL of the gateway's UPnP description, as a search finds it; undefined where it does not answer. */
  search(): Promise<URL | undefined>;
  /** Asks the gateway over HTTP. Rejects if it does not answer, or answers too much. */
  ask(
    url: URL,
    call?: { headers: Readonly<Record<string, string>>; body: string },
  ): Promise<HttpAnswer>;
}

/** @param mark the device's fwmark, which keeps packets out of a full tunnel */
export function openGatewayLink(gateway: DefaultGateway, mark: number): GatewayLink {
  return {
    gateway,
    exchange: (port, message, read) =>
      exchange(gateway, mark, [endpoint(gateway.address, port)], message, read),
    search: async () => {
      // TCP connections cannot be made in another namespace.
      if (isSocketElsewhere()) {
        return undefined;
      }
      const targets = [gateway.address, SSDP_ADDRESS].map((to) => endpoint(to, SSDP_PORT));
      return exchange(gateway, mark, targets, new TextEncoder().encode(SSDP_SEARCH), (reply) =>
        gatewayUrl(gateway, searchLocation(Buffer.from(reply).toString('latin1'))),
      );
    },
    ask,
  };
}

/** A URL of the gateway itself, by its address and without TLS; undefined for any other. */
export function gatewayUrl(
  { address }: DefaultGateway,
  text: string | undefined,
  base?: URL,
): URL | undefined {
  if (text === undefined || !URL.canParse(text, base?.href)) {
    return undefined;
  }
  const url = new URL(text, base);
  const isPlain = url.protocol === 'http:' && url.username === '' && url.password === '';
  return isPlain && url.hostname === address ? url : undefined;
}

async function exchange<T>(
  gateway: DefaultGateway,
  mark: number,
  targets: readonly ReturnType<typeof endpoint>[],
  message: Uint8Array,
  read: (reply: Uint8Array) => T | undefined,
): Promise<T | undefined> {
  let take: (value: T | undefined) => void = () => {};
  const answered = new Promise<T | undefined>((resolve) => {
    take = resolve;
  });
  await using bank = new SocketBank({
    family: 4,
    count: 1,
    mark,
    maxPayload: MAX_DATAGRAM,
    onPayload: (_, payload, from) => {
      const value = from.address === gateway.address ? read(payload) : undefined;
      if (value !== undefined) {
        take(value);
      }
    },
    // Such as port unreachable: the gateway does not speak this protocol.
    onError: () => take(undefined),
  });
  const timers: NodeJS.Timeout[] = [];
  let at = 0;
  for (const pause of PAUSES_MS) {
    const send = () => {
      for (const to of targets) {
        bank.send(0, message, to);
      }
    };
    timers.push(setTimeout(send, at));
    at += pause;
  }
  timers.push(setTimeout(() => take(undefined), at));
  try {
    return await answered;
  } finally {
    timers.forEach(clearTimeout);
  }
}

async function ask(
  url: URL,
  call?: { headers: Readonly<Record<string, string>>; body: string },
): Promise<HttpAnswer> {
  // Few gateways speak UPnP: the start of a client has no time to load this.
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(HTTP_TIMEOUT_MS);
    const sent = request(
      url,
      {
        method: call === undefined ? 'GET' : 'POST',
        agent: false,
        signal,
        ...(call && { headers: call.headers }),
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body += text;
          if (body.length > MAX_BODY_BYTES) {
            response.destroy(new Error(`it answered with more than ${MAX_BODY_BYTES} bytes`));
          }
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(call?.body);
  });
}
