import path from 'node:path';
import { run } from '../lab/command.js';
import { type Lab, type LabHost, type LabProcess, until } from '../lab/index.js';
import { TemporaryFolder } from '../lab/temporary-folder.js';

/** The folder of the example in Debian's wireguard-tools. */
const EXAMPLES = '/usr/share/doc/wireguard-tools/examples/nat-hole-punching';
const PORT = 49918;
const COMPILE_TIMEOUT_MS = 60_000;

/** Jason Donenfeld's example, compiled from the installed sources into a temporary folder. */
export class OriginalPrograms implements Disposable {
  readonly #folder = new TemporaryFolder('original');

  private constructor() {}

  static async compile(): Promise<OriginalPrograms> {
    const programs = new OriginalPrograms();
    try {
      await Promise.all([programs.#build('client', ['-lresolv']), programs.#build('server', [])]);
      return programs;
    } catch (error) {
      programs[Symbol.dispose]();
      throw error;
    }
  }

  /** Starts the server on a host, and waits until it listens. */
  async startServer(host: LabHost): Promise<LabProcess> {
    const server = host.spawn(this.#folder.file('server'));
    await host.listening(server, PORT);
    return server;
  }

  /** Starts the client of a host. It ends by itself when it knows the endpoint of every peer. */
  startClient(host: LabHost, server: string): LabProcess {
    return host.spawn(this.#folder.file('client'), [server, host.wireguard.interface]);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }

  async #build(name: string, libraries: readonly string[]): Promise<void> {
    const source = path.join(EXAMPLES, `nat-punch-${name}.c`);
    const args = ['-O1', '-o', this.#folder.file(name), source, ...libraries];
    await run('gcc', args, { timeoutMs: COMPILE_TIMEOUT_MS });
  }
}

/**
 * Runs the original server and both clients as in its README: first the clients, then ping. Returns
 * whether pings in both directions are answered in time.
 */
export async function originalConnects<Name extends string>(
  programs: OriginalPrograms,
  lab: Lab<Name>,
  [a, b]: readonly [Name, Name],
  timeoutMs: number,
): Promise<boolean> {
  await using _server = await programs.startServer(lab.rendezvous);
  await using first = programs.startClient(lab.host(a), lab.rendezvous.address);
  await using second = programs.startClient(lab.host(b), lab.rendezvous.address);
  await until('both clients to end', () => !first.running && !second.running, { timeoutMs });
  const answered = await Promise.all([
    lab.ping(a, b, { timeoutMs }),
    lab.ping(b, a, { timeoutMs }),
  ]);
  return answered.every(Boolean);
}
