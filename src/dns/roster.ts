import { instanceLabel } from '../wire/dns-sd.js';
import type { Device, Peer } from '../wireguard/device.js';
import { type Advertised, Instance } from './instance.js';

/**
 * The peers of a device that have an endpoint, by the label of their key. A reading takes the place of the
 * one before; of a peer that stayed as it was the instance is kept, with all that was made of it.
 */
export class Roster {
  /** Of the last reading; undefined where it failed, or before the first. */
  device: Device | undefined;
  /** The reading is older than it should be: WireGuard is slow. */
  isStale = false;
  /** Goes up with each change of the peers listed, and when they are not to be had. */
  version = 0;
  private byLabel: ReadonlyMap<string, Instance> = new Map();
  /** By the very peer of the last reading: of 10 000 most are the same from one to the next. */
  private byPeer: ReadonlyMap<Peer, Instance> = new Map();

  /** Takes over a reading of the device; undefined says that it could not be read. */
  update(device: Device | undefined): void {
    this.device = device;
    this.isStale = false;
    if (device === undefined) {
      this.version++;
      return;
    }
    const byPeer = new Map<Peer, Instance>();
    let changed = false;
    for (const peer of device.peers) {
      if (peer.endpoint !== undefined) {
        const known = this.byPeer.get(peer) ?? this.findSame(peer as Advertised);
        byPeer.set(peer, known ?? new Instance(peer as Advertised));
        changed ||= known === undefined;
      }
    }
    if (changed || byPeer.size !== this.byPeer.size) {
      this.version++;
      this.byLabel = new Map([...byPeer.values()].map((it) => [it.label, it]));
    }
    this.byPeer = byPeer;
  }

  /** The instance of a label in lower case. */
  find(label: string): Instance | undefined {
    return this.byLabel.get(label);
  }

  /** The labels of at most so many instances. */
  labels(limit: number): string[] {
    const labels: string[] = [];
    for (const label of this.byLabel.keys()) {
      if (labels.length === limit) {
        break;
      }
      labels.push(label);
    }
    return labels;
  }

  /** The instance that tells the same of a peer whose other properties changed. */
  private findSame(peer: Advertised): Instance | undefined {
    const known = this.find(instanceLabel(peer.publicKey));
    return known?.tellsOf(peer) ? known : undefined;
  }
}
