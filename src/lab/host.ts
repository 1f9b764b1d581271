import { Cable } from './cable.js';
import { until } from './deadline.js';
import { Namespace } from './namespace.js';
import type { LabProcess } from './process.js';
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

  /** Clears all mappings, like a router that restarts. */
  async forgetMappings(): Promise<void> {
    await this.exec('conntrack', ['-F']);
  }

  /** Clears all mappings, and maps this inside UDP port to another outside port from now on. */
  async moveMapping(insidePort: number, outsidePort: number): Promise<void> {
    const rule = `oifname "wan" udp sport ${insidePort} masquerade to :${outsidePort}`;
    await this.nft(`insert rule ip nat postrouting ${rule}`);
    await this.forgetMappings();
  }
}

/** A host of the lab. */
export class LabHost extends Namespace {
  readonly name: string;
  readonly addresses: Addresses;
  /** The gateways between it and the internet, nearest first. */
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

  /** Its first address: IPv4 if it has one. */
  get address(): string {
    return (this.addresses[4][0] ?? this.addresses[6][0]) as string;
  }

  /** Its IPv4 addresses on the internet: those of its outermost gateway, if it has one. */
  get outsideAddresses(): readonly string[] {
    return (this.gateways.at(-1) ?? this).addresses[4];
  }

  get hasWireguard(): boolean {
    return this.#wireguard !== undefined;
  }

  /** Its WireGuard device. Throws if the host has none. */
  get wireguard(): WireguardDevice {
    if (this.#wireguard === undefined) {
      throw new Error(`host ${this.name} has no WireGuard device`);
    }
    return this.#wireguard;
  }

  /** Waits until a program of this host listens on a UDP port. Rejects if it ends before. */
  async listening(program: LabProcess, port: number): Promise<void> {
    await until(`${program.command} to listen on port ${port}`, async () => {
      if (!program.running) {
        throw new Error(`${program.command} has ended: ${program.stderr.trim()}`);
      }
      return (await this.exec('ss', ['-Hlun', 'sport', '=', `:${port}`])).includes(`:${port}`);
    });
  }

  /** Pings until a reply arrives or the time (whole seconds) is over. Returns whether one arrived. */
  async ping(address: string, { timeoutMs = 1_000 } = {}): Promise<boolean> {
    const seconds = Math.ceil(timeoutMs / 1_000);
    const args = ['-n', '-q', '-c', '1', '-i', '0.2', '-w', String(seconds), address];
    const { code } = await this.outcome('ping', args, { timeoutMs: seconds * 1_000 + 5_000 });
    return code === 0;
  }
}
