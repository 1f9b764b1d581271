import type { ReadyApproach } from '../approach.js';
import type { Outcome, StrangerResult } from '../results.js';
import { comparedLab, startClients, TWO_CONES } from './compared-lab.js';
import { firstPing } from './first-ping.js';

const TIMEOUT_MS = 20_000;

/** Asks as a stranger for two peers that are connected. */
export async function measureStranger(approach: ReadyApproach): Promise<Outcome<StrangerResult>[]> {
  await using lab = await comparedLab(approach, { ...TWO_CONES, stranger: { wireguard: false } });
  await approach.startServer(lab);
  await firstPing(lab, startClients(approach, lab, ['a', 'b']), TIMEOUT_MS);
  return await approach.askAsStranger(lab.host('stranger'), lab);
}
