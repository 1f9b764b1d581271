import { type GatewayLink, openGatewayLink } from '../client/paths/gateway-link.js';
import { upnpService } from '../client/paths/mapping-protocols.js';
import { defaultGateway } from '../socket/default-gateway.js';
import { addressFamily } from '../wire/endpoint.js';
import {
  decodePcpAnnounceReply,
  decodePmpAddressReply,
  encodePcpAnnounceRequest,
  encodePmpAddressRequest,
  PORT_CONTROL_PORT,
} from '../wire/port-control.js';
import { element, soapCall } from '../wire/upnp.js';
import type { RouterFacts } from './facts.js';

/**
 * Asks the default gateway over IPv4 which protocols for port mapping it speaks, and for its outside address. Maps
 * nothing, and takes at most 7 s. `none` without such a gateway, or if it is inside the tunnel.
 * @param mark the device's fwmark, by which packets do not enter a full tunnel
 */
export async function readRouter(
  interfaceName: string,
  mark: number,
): Promise<RouterFacts | 'none'> {
  const gateway = defaultGateway();
  return gateway === undefined || gateway.interfaceName === interfaceName
    ? 'none'
    : askRouter(openGatewayLink(gateway, mark));
}

/** The same, over a link to the gateway. Never rejects: a protocol that fails counts as not offered. */
export async function askRouter(link: GatewayLink): Promise<RouterFacts> {
  const asked = [
    ['PCP', askPcp],
    ['NAT-PMP', askPmp],
    ['UPnP', askUpnp],
  ] as const;
  const answers = await Promise.all(
    asked.map(async ([protocol, ask]) => ({
      protocol,
      answer: await ask(link).catch(() => undefined),
    })),
  );
  const offered = answers.filter(({ answer }) => answer !== undefined);
  return {
    address: link.gateway.address,
    protocols: offered.map(({ protocol }) => protocol),
    outside: offered.map(({ answer }) => answer?.outside).find((outside) => outside !== undefined),
  };
}

/** The answer of a router that speaks a protocol. */
interface Answer {
  /** Its outside address, if it has one and reports it. */
  readonly outside?: string | undefined;
}

/** Without a mapping, a router reveals only that it speaks PCP (RFC 6887, 14.1). */
async function askPcp(link: GatewayLink): Promise<Answer | undefined> {
  const request = encodePcpAnnounceRequest(link.gateway.local);
  const speaks = await link.exchange(PORT_CONTROL_PORT, request, decodePcpAnnounceReply);
  return speaks ? {} : undefined;
}

async function askPmp(link: GatewayLink): Promise<Answer | undefined> {
  const request = encodePmpAddressRequest();
  const reply = await link.exchange(PORT_CONTROL_PORT, request, decodePmpAddressReply);
  return reply && { outside: 'refusal' in reply ? undefined : usable(reply.address) };
}

async function askUpnp(link: GatewayLink): Promise<Answer | undefined> {
  const service = await upnpService(link);
  if (service === undefined) {
    return undefined;
  }
  const call = soapCall(service.type, 'GetExternalIPAddress', []);
  const { body } = await link.ask(service.url, call);
  return { outside: usable(element(body, 'NewExternalIPAddress')) };
}

/** An IPv4 address that is not 0.0.0.0, which stands for none. */
function usable(address: string | undefined): string | undefined {
  const isAddress = address !== undefined && addressFamily(address) === 4 && address !== '0.0.0.0';
  return isAddress ? address : undefined;
}
