import { join } from 'node:path';
import { loadServerKey } from '../../src/server/sealed/key-file.js';
import { formatPublicKey } from '../../src/wire/key.js';
import { type Subject, startOurProgram } from '../server/subject.js';

const SCRAPE_TIMEOUT_MS = 10_000;

/** One of our servers, with its key in base64. */
export interface Server extends Subject {
  readonly key: string;
  /** Its metrics, by name and labels as Prometheus has them. */
  metrics(): Promise<ReadonlyMap<string, number>>;
}

/**
 * Starts our server on loopback with room for so many clients, all limits of single clients and addresses as they
 * are by default. Only the shares of networks are wide, as all clients come from 127.0.0.0/8.
 * @param folder for its key, which is kept there
 * @param port 0 for any
 * @param profile a folder for V8's CPU profile of it
 */
export async function startServer(
  folder: string,
  port: number,
  clients: number,
  flags: readonly string[] = [],
  profile?: string,
): Promise<Server> {
  const keyFile = join(folder, 'key');
  const key = formatPublicKey(loadServerKey(keyFile).publicKey);
  const args = ['server', '--listen', `127.0.0.1:${port}`, '--probe-port', 'none'];
  args.push('--key', keyFile, '--metrics', '127.0.0.1:0');
  args.push('--max-peers', String(2 * clients), '--source-share', '0.999', ...flags);
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const { server, lines } = await startOurProgram(args, 3, profiling);
  const metricsAt = /^metrics on (.*)$/m.exec(lines.join('\n'))?.[1];
  const metrics = async () => {
    const signal = AbortSignal.timeout(SCRAPE_TIMEOUT_MS);
    const answer = await fetch(`http://${metricsAt}/metrics`, { signal });
    return parseMetrics(await answer.text());
  };
  return { ...server, key, metrics };
}

function parseMetrics(text: string): ReadonlyMap<string, number> {
  const samples = [...text.matchAll(/^([a-z][^ ]*) (\S+)$/gm)];
  return new Map(
    samples.map(([, name, value]) => [name!.replace('wg_rendezvous_', ''), Number(value)]),
  );
}
