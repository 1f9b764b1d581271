import type { Logger } from 'pino';
import type { StoreEvents } from '../server/store/store.js';
import type { StoreAddress } from '../server/store/store-url.js';

/** Says what a store does, once for each change; never its user or password. */
export function storeEvents({ text }: StoreAddress, logger: Logger): StoreEvents {
  return {
    onStoreUp: () => logger.info(`store ${text}: shares clients with other servers`),
    onStoreDown: (reason) => logger.warn(storeDownText(text, reason)),
    onStoreWrites: (refusal) => {
      if (refusal === undefined) {
        logger.info(`store ${text}: takes writes again`);
      } else {
        logger.warn(storeWritesText(text, refusal));
      }
    },
  };
}

/** What a store that cannot be reached means, and what to do. */
export function storeDownText(store: string, reason: string): string {
  return (
    `store ${store}: ${reason}; this server goes on with its own clients, which meet those of other ` +
    'servers again when the store is back: check the store, and --store'
  );
}

/** What a store that takes no writes means, and what to do. */
export function storeWritesText(store: string, refusal: string): string {
  const advice = /^(OOM|MISCONF)/.test(refusal)
    ? 'give it more memory (maxmemory), or room on its disk'
    : /^READONLY/.test(refusal)
      ? 'it is a replica: give --store the primary'
      : 'allow its user to write keys that begin with wgr1: and to run EVALSHA';
  return (
    `store ${store} refuses writes (${refusal}); other servers do not learn of new clients of this one ` +
    `until it takes them: ${advice}`
  );
}
