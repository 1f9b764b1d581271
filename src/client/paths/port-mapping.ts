import { randomBytes, randomInt } from 'node:crypto';
import { type DefaultGateway, defaultGateway } from '../../socket/default-gateway.js';
import { within } from '../../socket/time-limit.js';
import { type Endpoint, endpoint } from '../../wire/endpoint.js';
import { SCOPE, scopeOf } from '../../wire/endpoint-scope.js';
import { PCP_NONCE_LENGTH } from '../../wire/port-control.js';
import { type GatewayLink, openGatewayLink } from './gateway-link.js';
import { type Mapping, mapByPcp, mapByPmp, mapByUpnp } from './mapping-protocols.js';

/** Without a mapping, the gateway is asked again after this long, twice as long each time. */
const FIRST_RETRY_MS = 60_000;
const MAX_RETRY_MS = 3_600_000;
/** How often the routing table is read. */
const GATEWAY_CHECK_MS = 30_000;
/** How long to wait for the deletion of the mapping at the end. */
const RELEASE_LIMIT_MS = 900;
const FIRST_OTHER_PORT = 49_152;

export interface PortMappingOptions {
  /** Called when there is another mapping, or none any more. */
  changed(): void;
  /** One line about a mapping that cannot be used; undefined when that is over. */
  report(problem: string | undefined): void;
  /** @default the default route's */
  readonly findGateway?: () => DefaultGateway | undefined;
  /** @default the gateway's own */
  readonly openLink?: (gateway: DefaultGateway, mark: number) => GatewayLink;
}

/** WireGuard's interface, as far as it matters here. */
export interface MappedDevice {
  readonly interfaceName: string;
  readonly listenPort: number;
  readonly fwmark: number;
}

/**
 * Has the router map WireGuard's port, by PCP, NAT-PMP or UPnP-IGD, whichever answers first in this order, and
 * keeps the mapping as long as it is used. Nothing waits for it. Times are milliseconds of one clock.
 */
export class PortMapping {
  readonly #options: PortMappingOptions;
  readonly #nonce = randomBytes(PCP_NONCE_LENGTH);
  #mapping: Mapping | undefined;
  /** What the mapping is for: the gateway, this host's address and port. */
  #key = '';
  #dueAt = Number.POSITIVE_INFINITY;
  #checkAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #isBusy = false;
  #isClosed = false;
  #work: Promise<void> = Promise.resolve();

  constructor(options: PortMappingOptions) {
    this.#options = options;
  }

  /** What the router granted; whether others can use it is for `candidate` to say. */
  get mapping(): Mapping | undefined {
    return this.#mapping;
  }

  /** The same for people: `none` where the router was asked and granted nothing; undefined before. */
  get state(): Mapping | 'none' | undefined {
    return this.#mapping ?? (this.#failures > 0 ? 'none' : undefined);
  }

  /**
   * The endpoint at which the router passes everything on to WireGuard, for peers to try. Only when its address
   * is the one at which the server sees this host: behind a second NAT it leads nowhere, or to somebody else.
   * @param observed this host's IPv4 address as the server sees it; undefined where that is not known
   */
  candidate(observed: string | undefined): Endpoint | undefined {
    const mapping = this.#mapping;
    if (mapping === undefined || observed === undefined) {
      return undefined;
    }
    if (mapping.address === observed) {
      this.#options.report(undefined);
      return endpoint(mapping.address, mapping.port);
    }
    const why =
      scopeOf(mapping.address) === SCOPE.global ? 'is another one' : 'is behind another NAT';
    this.#options.report(
      `the router maps the port (${mapping.protocol}) at ${mapping.address}, and the server sees this host ` +
        `at ${observed}: the mapping is not used, as the router ${why}`,
    );
    return undefined;
  }

  /** Does what is due: asks for a mapping, or renews it after half of its time. Waits for nothing. */
  work(device: MappedDevice | undefined, now: number): void {
    if (device === undefined || this.#isBusy || this.#isClosed) {
      return;
    }
    if (now >= this.#checkAt) {
      this.#checkAt = now + GATEWAY_CHECK_MS;
      const gateway = this.#gateway(device);
      const key =
        gateway === undefined ? '' : `${gateway.address} ${gateway.local} ${device.listenPort}`;
      if (key !== this.#key) {
        this.#key = key;
        this.#failures = 0;
        this.#dueAt = gateway === undefined ? Number.POSITIVE_INFINITY : now;
        this.#drop();
      }
    }
    const gateway = now >= this.#dueAt ? this.#gateway(device) : undefined;
    if (gateway !== undefined) {
      this.#isBusy = true;
      this.#work = this.#renew(gateway, device, now).finally(() => {
        this.#isBusy = false;
      });
    }
  }

  /** An address of this host, or its port, changed: the routing table is read at the next `work`. */
  moved(): void {
    this.#checkAt = Number.NEGATIVE_INFINITY;
  }

  /** When there is something to do, if nothing happens before. */
  get nextAt(): number {
    return this.#isBusy || this.#isClosed
      ? Number.POSITIVE_INFINITY
      : Math.min(this.#dueAt, this.#checkAt);
  }

  /** Deletes the mapping, within a second. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const released = this.#work.then(() => this.#mapping?.release());
    await within(RELEASE_LIMIT_MS, released, () => undefined);
    this.#mapping = undefined;
  }

  #gateway({ interfaceName }: MappedDevice): DefaultGateway | undefined {
    const gateway = (this.#options.findGateway ?? defaultGateway)();
    // A default route into the tunnel itself has no router that could map a port of this host.
    return gateway?.interfaceName === interfaceName ? undefined : gateway;
  }

  /** Forgets the mapping of another gateway, address or port, and has it deleted where that is possible. */
  #drop(): void {
    const before = this.#mapping;
    this.#mapping = undefined;
    if (before !== undefined) {
      void before.release();
      this.#options.changed();
    }
  }

  async #renew(gateway: DefaultGateway, device: MappedDevice, now: number): Promise<void> {
    const before = this.#mapping;
    const { changed, report, openLink = openGatewayLink } = this.#options;
    try {
      const link = openLink(gateway, device.fwmark);
      const mapping = await this.#map(link, device.listenPort);
      this.#mapping = mapping;
      this.#failures = mapping === undefined ? this.#failures + 1 : 0;
    } catch (error) {
      this.#mapping = undefined;
      this.#failures += 1;
      report(`the router ${gateway.address} maps no port: ${oneLine((error as Error).message)}`);
    }
    this.#dueAt = now + this.#pauseMs;
    const after = this.#mapping;
    if (before?.address !== after?.address || before?.port !== after?.port) {
      changed();
    }
  }

  async #map(link: GatewayLink, port: number): Promise<Mapping | undefined> {
    return (
      (await mapByPcp(link, port, this.#nonce)) ??
      (await mapByPmp(link, port)) ??
      (await mapByUpnp(link, port, () => randomInt(FIRST_OTHER_PORT, 65_536)))
    );
  }

  get #pauseMs(): number {
    return this.#mapping === undefined
      ? Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), MAX_RETRY_MS)
      : this.#mapping.lifetimeMs / 2;
  }
}

/** A router's text, made safe for one line of the log. */
function oneLine(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 200);
}
