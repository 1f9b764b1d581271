import { generateKeyPair, type KeyPair } from '../../../src/sealed/key-pair.js';
import type { ServiceOptions } from '../../../src/server/options.js';
import { openService, type Service, type ServiceEvents } from '../../../src/server/service.js';
import type { StoreAddress } from '../../../src/server/store/store-url.js';
import { endpoint } from '../../../src/wire/endpoint.js';
import { until } from '../../native/deadline.js';
import { copy } from '../sealed/line.js';

/** Servers of one store, with keys of their own. */
export class SharingServers implements AsyncDisposable {
  readonly services: Service[] = [];
  readonly keys: KeyPair[] = [];

  static async open(
    stores: readonly StoreAddress[],
    options: Partial<ServiceOptions> = {},
    events: ServiceEvents = {},
  ): Promise<SharingServers> {
    const all = new SharingServers();
    for (const store of stores) {
      await all.add(store, options, events);
    }
    return all;
  }

  async add(
    store: StoreAddress,
    options: Partial<ServiceOptions> = {},
    events: ServiceEvents = {},
  ): Promise<Service> {
    const key = generateKeyPair();
    const listen = [endpoint('127.0.0.1', 0)];
    const service = await openService(
      { listen, sealed: { key: copy(key) }, store, ...options },
      events,
    );
    this.services.push(service);
    this.keys.push(key);
    return service;
  }

  /** Waits until all are connected with the store. */
  async up(): Promise<void> {
    await until('the store', () => this.services.every((it) => it.counts().store?.up === 1));
  }

  /** Waits until nothing is under way between servers and store. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 5; quiet++) {
      await until('an answer of the store', () =>
        this.services.every(({ counts }) => {
          const { queued, inFlight } = counts().store!;
          return queued === 0 && inFlight === 0;
        }),
      );
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.services.map((it) => it.close()));
  }
}
