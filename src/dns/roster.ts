import { instanceLabel } from '../wire/dns-sd.js';
import type { Device, Peer } from '../wireguard/device.js';
import { type Advertised, Instance } from './instance.js';

/**
 * The peers of a device that have an endpoint, by the label of their key. A reading replaces the previous
 * one; the instance of an unchanged peer is kept, with its replies.
 */
export class Roster {
  /** The last reading; undefined before the first one, and after one that failed. */
  device: Device | undefined;
  /** The reading is older than it should be: WireGuard is slow. */
  isStale = false;
  /** Goes up with each change of the listed peers, and when the device becomes unreadable. */
  version = 0;
  private byLabel: ReadonlyMap<string, Instance> = new Map();
  /** By peer object: the dump parser returns the same object for an unchanged line. */
  private byPeer: ReadonlyMap<Peer, Instance> = new Map();

  /** Replaces the reading; undefined if the device could not be read. */
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

  /** The present instance of a peer whose records are the same although other properties changed. */
  private findSame(peer: Advertised): Instance | undefined {
    const known = this.find(instanceLabel(peer.publicKey));
    return known?.matches(peer) ? known : undefined;
  }
}
