import { addressFamily } from '../../wire/endpoint.js';
import { SCOPE, scopeOf } from '../../wire/endpoint-scope.js';
import {
  decodePcpMapReply,
  decodePmpAddressReply,
  decodePmpMapReply,
  encodePcpMapRequest,
  encodePmpAddressRequest,
  encodePmpMapRequest,
  PORT_CONTROL_PORT,
} from '../../wire/port-control.js';
import { element, mappingService, soapCall, soapErrorCode } from '../../wire/upnp.js';
import { type GatewayLink, gatewayUrl } from './gateway-link.js';

export type MappingProtocol = 'PCP' | 'NAT-PMP' | 'UPnP';

/** A mapping of WireGuard's port. */
export interface Mapping {
  readonly protocol: MappingProtocol;
  /** The outside address, as the gateway says. */
  readonly address: string;
  readonly port: number;
  readonly lifetimeMs: number;
  /** Deletes it. Never rejects. */
  release(): Promise<void>;
}

/** The gateway answered, and grants no mapping, or nothing that makes sense. */
export class MappingRefusal extends Error {
  override readonly name = 'MappingRefusal';
}

/** The lifetime to ask for: an hour, so that a mapping that a crash leaves behind soon ends. */
const LIFETIME_SECONDS = 3600;
/** A shorter mapping would have to be renewed all the time. */
const MIN_LIFETIME_SECONDS = 60;
const MAX_LIFETIME_SECONDS = 86_400;

/** PCP's UNSUPP_VERSION (RFC 6887, 7.4): the gateway speaks NAT-PMP. */
const UNSUPPORTED_VERSION = 1;

/** UPnP errors (WANIPConnection:1, 2.4.16): the port is another host's, or leases are not possible. */
const CONFLICT = 718;
const ONLY_PERMANENT = 725;
const MAX_PORT_TRIES = 4;
const DESCRIPTION = 'wg-rendezvous';

/**
 * Maps a UDP port by PCP. Undefined where the gateway does not answer, or speaks NAT-PMP only.
 * Rejects with a MappingRefusal.
 * @param nonce the same at each renewal
 */
export async function mapByPcp(
  link: GatewayLink,
  port: number,
  nonce: Uint8Array,
): Promise<Mapping | undefined> {
  const request = { client: link.gateway.local, nonce, port, lifetimeSeconds: LIFETIME_SECONDS };
  const send = (lifetimeSeconds: number) =>
    link.exchange(
      PORT_CONTROL_PORT,
      encodePcpMapRequest({ ...request, lifetimeSeconds }),
      (reply) =>
        decodePcpMapReply(reply, request) ??
        // A gateway that speaks NAT-PMP only answers in its own version (RFC 6887, appendix A).
        (reply[0] === 0 ? { refusal: UNSUPPORTED_VERSION } : undefined),
    );
  const reply = await send(LIFETIME_SECONDS);
  if (reply === undefined || ('refusal' in reply && reply.refusal === UNSUPPORTED_VERSION)) {
    return undefined;
  }
  if ('refusal' in reply) {
    throw new MappingRefusal(`PCP result code ${reply.refusal}`);
  }
  const { address, port: outside, lifetimeSeconds } = reply;
  return checked('PCP', address, outside, lifetimeSeconds, async () => {
    await send(0);
  });
}

/** Maps a UDP port by NAT-PMP. Undefined where the gateway does not answer. Rejects with a MappingRefusal. */
export async function mapByPmp(link: GatewayLink, port: number): Promise<Mapping | undefined> {
  const send = (lifetimeSeconds: number) =>
    link.exchange(PORT_CONTROL_PORT, encodePmpMapRequest(port, lifetimeSeconds), (reply) =>
      decodePmpMapReply(reply, port),
    );
  const outside = await link.exchange(
    PORT_CONTROL_PORT,
    encodePmpAddressRequest(),
    decodePmpAddressReply,
  );
  const reply = outside && (await send(LIFETIME_SECONDS));
  if (outside === undefined || reply === undefined) {
    return undefined;
  }
  if ('refusal' in outside || 'refusal' in reply) {
    const code = 'refusal' in reply ? reply.refusal : 'refusal' in outside ? outside.refusal : 0;
    throw new MappingRefusal(`NAT-PMP result code ${code}`);
  }
  return checked('NAT-PMP', outside.address, reply.port, reply.lifetimeSeconds, async () => {
    await send(0);
  });
}

/**
 * The service of the gateway that maps ports by UPnP-IGD; undefined where it does not answer a search.
 * Rejects with a MappingRefusal, or the error of its HTTP connection.
 */
export async function upnpService(
  link: GatewayLink,
): Promise<{ readonly type: string; readonly url: URL } | undefined> {
  const location = await link.search();
  if (location === undefined) {
    return undefined;
  }
  const service = mappingService((await link.ask(location)).body);
  const url = service && gatewayUrl(link.gateway, service.controlUrl, location);
  if (service === undefined || url === undefined) {
    throw new MappingRefusal('its UPnP description names no service of its own that maps ports');
  }
  return { type: service.type, url };
}

/**
 * Maps a UDP port by UPnP-IGD, at the gateway itself only. Undefined where it does not answer.
 * Rejects with a MappingRefusal, or the error of its HTTP connection.
 * @param otherPort an outside port for when the same one is taken
 */
export async function mapByUpnp(
  link: GatewayLink,
  port: number,
  otherPort: () => number,
): Promise<Mapping | undefined> {
  const service = await upnpService(link);
  if (service === undefined) {
    return undefined;
  }
  const call = (action: string, parameters: readonly (readonly [string, string | number])[]) =>
    link.ask(service.url, soapCall(service.type, action, parameters));
  const of = (outside: number) =>
    [
      ['NewRemoteHost', ''],
      ['NewExternalPort', outside],
      ['NewProtocol', 'UDP'],
    ] as const;
  let outside = port;
  let lifetime = LIFETIME_SECONDS;
  let tries = 0;
  for (;;) {
    const { status, body } = await call('AddPortMapping', [
      ...of(outside),
      ['NewInternalPort', port],
      ['NewInternalClient', link.gateway.local],
      ['NewEnabled', 1],
      ['NewPortMappingDescription', DESCRIPTION],
      ['NewLeaseDuration', lifetime],
    ]);
    if (status === 200) {
      break;
    }
    const code = soapErrorCode(body);
    if (++tries === MAX_PORT_TRIES || (code !== CONFLICT && code !== ONLY_PERMANENT)) {
      throw new MappingRefusal(`UPnP ${code === undefined ? `status ${status}` : `error ${code}`}`);
    }
    outside = code === CONFLICT ? otherPort() : outside;
    lifetime = code === ONLY_PERMANENT ? 0 : lifetime;
  }
  const release = async () => {
    await call('DeletePortMapping', of(outside));
  };
  const { body } = await call('GetExternalIPAddress', []);
  return checked(
    'UPnP',
    element(body, 'NewExternalIPAddress'),
    outside,
    lifetime || LIFETIME_SECONDS,
    release,
  );
}

function checked(
  protocol: MappingProtocol,
  address: string | undefined,
  port: number,
  lifetimeSeconds: number,
  release: () => Promise<void>,
): Mapping {
  const isUsable =
    address !== undefined &&
    addressFamily(address) === 4 &&
    scopeOf(address) !== SCOPE.none &&
    port > 0 &&
    lifetimeSeconds >= MIN_LIFETIME_SECONDS;
  if (!isUsable) {
    throw new MappingRefusal(`${protocol} grants ${address}:${port} for ${lifetimeSeconds} s`);
  }
  return {
    protocol,
    address,
    port,
    lifetimeMs: 1000 * Math.min(lifetimeSeconds, MAX_LIFETIME_SECONDS),
    release: () => release().catch(() => {}),
  };
}
