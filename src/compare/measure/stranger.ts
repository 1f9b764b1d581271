import type { ReadyApproach } from '../approach.js';
import type { Outcome, StrangerResult } from '../results.js';
import { comparedLab, startClients, TWO_CONES } from './compared-lab.js';
import { firstPing } from './first-ping.js';

const TIMEOUT_MS = 20_000;

/** Asks for two connected peers from a host that is no peer of either. */
export async function measureStranger(
  approach: ReadyApproach,
  roundTripMs: number,
): Promise<Outcome<StrangerResult>[]> {
  const hosts = { ...TWO_CONES, stranger: { wireguard: false } };
  await using lab = await comparedLab(approach, hosts, roundTripMs);
  await approach.startServer(lab);
  await firstPing(lab, startClients(approach, lab, ['a', 'b']), TIMEOUT_MS);
  return await approach.askAsStranger(lab.host('stranger'), lab);
}
