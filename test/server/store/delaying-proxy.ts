import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A path to a store by which everything takes longer, or nothing arrives. */
export class DelayingProxy implements AsyncDisposable {
  /** Added to each direction, in ms; infinite: nothing is passed on. */
  delayMs = 0;
  /** Whether connections are taken. */
  isOpen = true;
  private readonly sockets = new Set<Socket>();

  static async open(target: string): Promise<DelayingProxy> {
    const server = createServer();
    const proxy = new DelayingProxy(server, target);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  private constructor(
    private readonly server: Server,
    target: string,
  ) {
    server.on('connection', (near) => {
      if (!this.isOpen) {
        near.destroy();
        return;
      }
      const far = connect(target);
      this.pass(near, far);
      this.pass(far, near);
    });
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  /** Ends the connections there are. */
  cut(): void {
    for (const socket of this.sockets) {
      socket.destroy();
    }
  }

  private pass(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.on('data', (data) => {
      const { delayMs } = this;
      if (delayMs === 0) {
        to.write(data);
      } else if (Number.isFinite(delayMs)) {
        setTimeout(() => to.writable && to.write(data), delayMs);
      }
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }
}
