import { Cable } from './cable.js';
import { Namespace } from './namespace.js';
import type { Addresses } from './topology.js';
import type { WireguardDevice } from './wireguard-device.js';

/** A NAT or firewall between a host and the internet. */
export class LabGateway extends Namespace {
  readonly name: string;
  /** Its addresses on the outside. */
  readonly addresses: Addresses;
  /** The cable on its outside. */
  readonly cable: Cable;

  constructor(
    namespace: string,
    plan: { name: string; addresses: Addresses },
    upstream: Namespace,
  ) {
    super(namespace);
    this.name = plan.name;
    this.addresses = plan.addresses;
    this.cable = new Cable(upstream, plan.name);
  }

  /** Forgets all mappings, as a router does that is switched off and on. */
  async forgetMappings(): Promise<void> {
    await this.exec('conntrack', ['-F']);
  }
}

/** A host of the lab. */
export class LabHost extends Namespace {
  readonly name: string;
  readonly addresses: Addresses;
  /** The gateways between it and the internet, the nearest first. */
  readonly gateways: readonly LabGateway[];
  /** The cable on its eth0. */
  readonly cable: Cable;
  readonly #wireguard: WireguardDevice | undefined;

  constructor(
    namespace: string,
    plan: { name: string; addresses: Addresses },
    upstream: Namespace,
    gateways: readonly LabGateway[],
    wireguard?: (host: Namespace) => WireguardDevice,
  ) {
    super(namespace);
    this.name = plan.name;
    this.addresses = plan.addresses;
    this.gateways = gateways;
    this.cable = new Cable(upstream, plan.name);
    this.#wireguard = wireguard?.(this);
  }

  /** Its first address: IPv4 where it has one. */
  get address(): string {
    return (this.addresses[4][0] ?? this.addresses[6][0]) as string;
  }

  /** The IPv4 addresses that the internet knows it by; its own where no NAT is between. */
  get outsideAddresses(): readonly string[] {
    return (this.gateways.at(-1) ?? this).addresses[4];
  }

  get hasWireguard(): boolean {
    return this.#wireguard !== undefined;
  }

  /** Its WireGuard device; throws on a host that was made without one. */
  get wireguard(): WireguardDevice {
    if (this.#wireguard === undefined) {
      throw new Error(`host ${this.name} has no WireGuard device`);
    }
    return this.#wireguard;
  }

  /** Pings until an answer comes or the time (whole seconds) is over; says whether one came. */
  async ping(address: string, { timeoutMs = 1_000 } = {}): Promise<boolean> {
    const seconds = Math.ceil(timeoutMs / 1_000);
    const args = ['-n', '-q', '-c', '1', '-i', '0.2', '-w', String(seconds), address];
    const { code } = await this.outcome('ping', args, { timeoutMs: seconds * 1_000 + 5_000 });
    return code === 0;
  }
}
