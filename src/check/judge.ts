import type { Facts } from './facts.js';
import type { Finding } from './finding.js';
import {
  judgeClients,
  judgeInterface,
  judgePeerSettings,
  judgeSaveConfig,
} from './judge-interface.js';
import {
  judgeAddresses,
  judgeFirewall,
  judgeMapping,
  judgeReversePath,
  judgeRoutes,
} from './judge-network.js';
import { judgePeers } from './judge-peers.js';
import { judgeServers } from './judge-servers.js';

/** What stands between this host and its peers, in the order in which packets meet it. Pure. */
export function judge(facts: Facts): Finding[] {
  return [
    ...judgeInterface(facts),
    ...judgePeerSettings(facts),
    ...judgeServers(facts),
    ...judgeRoutes(facts),
    ...judgeAddresses(facts),
    ...judgeMapping(facts),
    ...judgeFirewall(facts),
    ...judgeReversePath(facts),
    ...judgeClients(facts),
    ...judgeSaveConfig(facts),
    ...judgePeers(facts),
  ];
}
