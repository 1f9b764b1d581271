import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

/** How often the kernel chooses a port that has to be free for UDP as well as for TCP. */
const MAX_CHOICES = 20;

/** Has a TCP server and a UDP socket listen at one port of an address, and returns the port. */
export async function listenAtOnePort(tcp: Server, udp: Socket, address: string): Promise<number> {
  for (let i = 1; ; i++) {
    await once(tcp.listen(0, address), 'listening');
    const { port } = tcp.address() as AddressInfo;
    try {
      await once(udp.bind(port, address), 'listening');
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || i === MAX_CHOICES) {
        throw error;
      }
      await once(tcp.close(), 'close');
    }
  }
}
