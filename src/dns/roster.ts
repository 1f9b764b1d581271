import type { PublicKey } from '../wire/key.js';
import type { Device } from '../wireguard/device.js';
import { type Advertised, Instance } from './instance.js';

/**
 * The peers of a device that have an endpoint, by the label of their key. A reading takes the place of the
 * one before; of a peer that stayed as it was the instance is kept, with all that was made of it.
 */
export class Roster {
  /** Of the last reading; undefined where it failed, or before the first. */
  device: Device | undefined;
  /** Goes up with each change of the peers listed. */
  version = 0;
  private byLabel = new Map<string, Instance>();
  /** The instances in the order of the reading. */
  private byKey = new Map<string, Instance>();

  /** Takes over a reading of the device; undefined says that it could not be read. */
  update(device: Device | undefined): void {
    this.device = device;
    if (device === undefined) {
      return;
    }
    const before = this.byKey;
    this.byKey = new Map();
    let changed = false;
    for (const peer of device.peers) {
      if (peer.endpoint !== undefined) {
        const id = keyId(peer.publicKey);
        const known = before.get(id);
        const instance = renew(known, peer as Advertised);
        changed ||= instance !== known;
        this.byKey.set(id, instance);
      }
    }
    if (changed || before.size !== this.byKey.size) {
      this.version++;
      this.byLabel = new Map();
      for (const instance of this.byKey.values()) {
        this.byLabel.set(instance.label, instance);
      }
    }
  }

  /** The instance of a label in lower case. */
  find(label: string): Instance | undefined {
    return this.byLabel.get(label);
  }

  /** The labels of at most so many instances, in the order of the device. */
  labels(limit: number): string[] {
    const labels: string[] = [];
    for (const { label } of this.byKey.values()) {
      if (labels.length === limit) {
        break;
      }
      labels.push(label);
    }
    return labels;
  }
}

function renew(known: Instance | undefined, peer: Advertised): Instance {
  if (known === undefined) {
    return new Instance(peer);
  }
  return known.tellsOf(peer) ? known : new Instance(peer, known.label);
}

/** A key as the key of a map; quicker than its label. */
function keyId(key: PublicKey): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
