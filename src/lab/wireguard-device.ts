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

/** A peer as it is configured; what is absent is left to WireGuard. */
export interface PeerOptions {
  /** Base64. */
  readonly publicKey: string;
  readonly allowedIps: readonly string[];
  /** `ADDRESS:PORT`, for a peer that is pinned. */
  readonly endpoint?: string;
  readonly keepaliveSeconds?: number;
}

/** All tunnel addresses of a lab are in one 10.200.0.0/24. */
const TUNNEL_PREFIX_LENGTH = 24;

/** A WireGuard interface of a host: of the kernel where it has WireGuard, else of wireguard-go. */
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

  /** Whether it is of wireguard-go. */
  get userspace(): boolean {
    return this.#userspace !== undefined;
  }

  get listenPort(): number {
    return this.#listenPort;
  }

  /** Creates the interface with its key, port, address and peers; also again, after `remove`. */
  async create(): Promise<void> {
    await this.#createInterface();
    await this.#configure();
    await this.#namespace.ip([
      `address add ${this.tunnelAddress}/${TUNNEL_PREFIX_LENGTH} dev ${this.interface}`,
      `link set ${this.interface} up`,
    ]);
  }

  /** Deletes the interface; `create` brings it back with the same key and peers. */
  async remove(): Promise<void> {
    await this.#namespace.ip([`link del ${this.interface}`]);
    // wireguard-go ends by itself when its interface is gone.
    await this.#userspace?.exited;
    this.#userspace = undefined;
  }

  /** Adds a peer, or changes it. */
  async setPeer(peer: PeerOptions): Promise<void> {
    await this.setPeers([peer]);
  }

  /** Adds or changes several peers in one step. */
  async setPeers(peers: readonly PeerOptions[]): Promise<void> {
    for (const peer of peers) {
      this.#peers.set(peer.publicKey, peer);
    }
    await this.#set(peers.flatMap(peerArguments));
  }

  /** Sets the persistent keepalive of peers, until the device is made anew. */
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

  /** What `wg show` says of each peer in this column, by public key. */
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
    // Configured before it answers, wireguard-go crashes and leaves a zombie that spins.
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
    // The key reaches `wg` as an open file that has no name any more. A pipe would not do: Node's
    // are sockets, which cannot be opened through /dev/stdin.
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

/** A key pair in base64, as `wg genkey` and `wg pubkey` make it. */
export function x25519Keys(): { publicKey: string; privateKey: string } {
  // Not by node:crypto: Node 20 can lock itself up in a collection of garbage while it exports a key.
  const { publicKey, secretKey } = generateKeyPair();
  return { publicKey: formatPublicKey(publicKey), privateKey: naclUtil.encodeBase64(secretKey) };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}
