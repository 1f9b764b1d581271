import {
  type GatewayLink,
  gatewayUrl,
  type HttpAnswer,
} from '../../../src/client/paths/gateway-link.js';

export const GATEWAY = { address: '192.168.1.1', interfaceName: 'eth0', local: '192.168.1.2' };

/** A gateway with given answers to datagrams and HTTP requests. */
export class FakeGateway {
  readonly requests: string[] = [];
  datagram: (message: Uint8Array) => Uint8Array | undefined = () => undefined;
  location: string | undefined;
  http: (url: URL, body: string | undefined) => HttpAnswer = () => ({ status: 404, body: '' });

  readonly link: GatewayLink = {
    gateway: GATEWAY,
    exchange: async (port, message, read) => {
      this.requests.push(`${port} ${Buffer.from(message).toString('hex', 0, 2)}`);
      const reply = this.datagram(message);
      return reply && read(reply);
    },
    search: async () => gatewayUrl(GATEWAY, this.location),
    ask: async (url, call) => {
      this.requests.push(
        `${url.pathname} ${call?.headers['SOAPAction']?.split('#')[1]?.replace('"', '') ?? ''}`,
      );
      return this.http(url, call?.body);
    },
  };
}
