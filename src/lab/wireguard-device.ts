import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import naclUtil from 'tweetnacl-util';
import { generateKeyPair } from '../sealed/key-pair.js';
import { type Endpoint, parseEndpoint } from '../wire/endpoint.js';
import { formatPublicKey } from '../wire/key.js';
import { until } from './deadline.js';
import { WIREGUARD_FOLDER } from './names.js';
import type { Namespace } from './namespace.js';
import type { LabProcess } from './process.js';

/** The configuration of a peer. Absent fields keep WireGuard's defaults. */
export interface PeerOptions {
  /** Base64. */
  readonly publicKey: string;
  readonly allowedIps: readonly string[];
  /** `ADDRESS:PORT`, for a peer with a fixed endpoint. */
  readonly endpoint?: string;
  readonly keepaliveSeconds?: number;
}

/** All tunnel addresses of a lab are in 10.200.0.0/24. */
const TUNNEL_PREFIX_LENGTH = 24;

/** A WireGuard interface of a host: the kernel's if it has WireGuard, otherwise wireguard-go's. */
export class WireguardDevice {
  readonly interface: string;
  /** Base64. */
  readonly publicKey: string;
  readonly tunnelAddress: string;
  readonly #namespace: Namespace;
  readonly #privateKey: string;
  readonly #peers = new Map<string, PeerOptions>();
  #listenPort: number;
  #userspace: LabProcess | undefined;

  constructor(
    namespace: Namespace,
    options: { interface: string; tunnelAddress: string; listenPort: number },
  ) {
    const { publicKey, privateKey } = x25519Keys();
    this.#namespace = namespace;
    this.interface = options.interface;
    this.tunnelAddress = options.tunnelAddress;
    this.#listenPort = options.listenPort;
    this.publicKey = publicKey;
    this.#privateKey = privateKey;
  }

  /** Whether wireguard-go provides it. */
  get userspace(): boolean {
    return this.#userspace !== undefined;
  }

  get listenPort(): number {
    return this.#listenPort;
  }

  /** Creates the interface with its key, port, address and peers. Works again after `remove`. */
  async create(): Promise<void> {
    await this.#createInterface();
    await this.#configure();
    await this.#namespace.ip([
      `address add ${this.tunnelAddress}/${TUNNEL_PREFIX_LENGTH} dev ${this.interface}`,
      `link set ${this.interface} up`,
    ]);
  }

  /** Deletes the interface. `create` restores it with the same key and peers. */
  async remove(): Promise<void> {
    await this.#namespace.ip([`link del ${this.interface}`]);
    // wireguard-go ends when its interface is deleted.
    await this.#userspace?.exited;
    this.#userspace = undefined;
  }

  /** Adds or changes a peer. */
  async setPeer(peer: PeerOptions): Promise<void> {
    await this.setPeers([peer]);
  }

  /** Adds or changes several peers at once. */
  async setPeers(peers: readonly PeerOptions[]): Promise<void> {
    for (const peer of peers) {
      this.#peers.set(peer.publicKey, peer);
    }
    await this.#set(peers.flatMap(peerArguments));
  }

  /** Sets the persistent keepalive of peers; `create` does not restore it. */
  async setKeepalive(publicKeys: readonly string[], seconds: number): Promise<void> {
    await this.#set(
      publicKeys.flatMap((key) => ['peer', key, 'persistent-keepalive', String(seconds)]),
    );
  }

  async removePeer(publicKey: string): Promise<void> {
    this.#peers.delete(publicKey);
    await this.#set(['peer', publicKey, 'remove']);
  }

  async setListenPort(port: number): Promise<void> {
    await this.#set(['listen-port', String(port)]);
    this.#listenPort = port;
  }

  /** One column of `wg show` by public key. */
  async show(column: 'endpoints' | 'latest-handshakes' | 'transfer' | 'persistent-keepalive') {
    const text = await this.#namespace.exec('wg', ['show', this.interface, column]);
    const rows = text.split('\n').filter(Boolean);
    return new Map(rows.map((row) => splitOnce(row, '\t')));
  }

  /** The endpoint that the device has for a peer. */
  async endpointOf(publicKey: string): Promise<Endpoint | undefined> {
    const text = (await this.show('endpoints')).get(publicKey);
    return text === undefined || text === '(none)' ? undefined : parseEndpoint(text);
  }

  /** Whether there has been a handshake with a peer. */
  async hasHandshake(publicKey: string): Promise<boolean> {
    return Number((await this.show('latest-handshakes')).get(publicKey) ?? 0) > 0;
  }

  async #createInterface(): Promise<void> {
    const add = ['link', 'add', this.interface, 'type', 'wireguard'];
    const { code } = await this.#namespace.outcome('ip', add);
    if (code === 0) {
      return;
    }
    const daemon = this.#namespace.spawn('wireguard-go', ['-f', this.interface]);
    this.#userspace = daemon;
    const socket = path.join(WIREGUARD_FOLDER, `${this.interface}.sock`);
    // wireguard-go crashes if it is configured before it answers, and leaves a spinning zombie.
    await until(`wireguard-go to answer for ${this.interface}`, async () => {
      if (!daemon.running) {
        throw new Error(`wireguard-go has ended: ${daemon.stderr}`);
      }
      if (!existsSync(socket)) {
        return false;
      }
      return (await this.#namespace.outcome('wg', ['show', this.interface])).code === 0;
    });
  }

  async #configure(): Promise<void> {
    const peers = [...this.#peers.values()].flatMap(peerArguments);
    const args = ['listen-port', String(this.#listenPort), 'private-key', '/dev/stdin', ...peers];
    // `wg` reads the key from an open file that is already unlinked. Node's pipes are sockets, which
    // cannot be opened through /dev/stdin.
    const folder = mkdtempSync(path.join(tmpdir(), 'wg-rendezvous-lab-'));
    const file = path.join(folder, 'key');
    let fd: number;
    try {
      writeFileSync(file, `${this.#privateKey}\n`, { mode: 0o600 });
      fd = openSync(file, 'r');
    } finally {
      rmSync(folder, { recursive: true });
    }
    try {
      await this.#set(args, fd);
    } finally {
      closeSync(fd);
    }
  }

  async #set(args: readonly string[], stdinFd?: number): Promise<void> {
    const options = stdinFd === undefined ? {} : { stdinFd };
    await this.#namespace.exec('wg', ['set', this.interface, ...args], options);
  }
}

function peerArguments(peer: PeerOptions): string[] {
  const { publicKey, allowedIps, endpoint, keepaliveSeconds } = peer;
  return [
    'peer',
    publicKey,
    'allowed-ips',
    allowedIps.join(','),
    ...(endpoint === undefined ? [] : ['endpoint', endpoint]),
    ...(keepaliveSeconds === undefined ? [] : ['persistent-keepalive', String(keepaliveSeconds)]),
  ];
}

/** Generates a key pair in base64, like `wg genkey` and `wg pubkey`. */
export function x25519Keys(): { publicKey: string; privateKey: string } {
  // Not with node:crypto: Node 20 can deadlock in garbage collection while it exports a key.
  const { publicKey, secretKey } = generateKeyPair();
  return { publicKey: formatPublicKey(publicKey), privateKey: naclUtil.encodeBase64(secretKey) };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}
