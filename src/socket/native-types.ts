/** One packet taken from a raw socket. */
export interface RawReceived {
  /** Bytes written to the buffer, which cuts what is longer; IPv4 packets start at the IP header, IPv6 packets at the UDP header. */
  readonly length: number;
  /** Source address in network order: 4 or 16 bytes. */
  readonly source: Uint8Array;
  /** The kernel reassembled this packet from fragments (IP_RECVFRAGSIZE / IPV6_RECVFRAGSIZE). */
  readonly fragmented: boolean;
}

/** Where packets leave. */
export interface NativeRoute {
  /** In network order: 4 or 16 bytes; zeros where the kernel names none. */
  readonly source: Uint8Array;
  /** 0 if the kernel names none. */
  readonly interfaceIndex: number;
}

/** SOCK_RAW UDP descriptor with readiness; see native/raw-socket.h. Every method throws a SystemError. */
export interface NativeRawSocket {
  /** Replaces the classic BPF program (struct sock_filter[] in native byte order). */
  attachFilter(program: Uint8Array): void;
  /** Discards at most 1024 queued packets and returns how many there were: repeat until 0. */
  drain(): number;
  /** SO_MARK. */
  setMark(mark: number): void;
  /**
   * The route of UDP packets with these ports and this socket's mark (RTM_GETROUTE), by the rules that
   * choose by port, too. With both ports 0, the route of any UDP packet: no ports, no mark. Throws
   * ENETUNREACH without a route.
   */
  findRoute(
    address: Uint8Array,
    scopeId: number,
    sourcePort: number,
    destinationPort: number,
  ): NativeRoute;
  /**
   * Sends a UDP header and payload to a 4- or 16-byte address, from a source address of the same family and
   * through an interface: zeros and 0 leave the choice to the kernel, which adds the IP header.
   * @param hopLimit TTL or hop limit, 1..255. @default the system's
   */
  send(
    datagram: Uint8Array,
    address: Uint8Array,
    scopeId: number,
    source: Uint8Array,
    interfaceIndex: number,
    hopLimit?: number,
  ): void;
  /** Takes one packet, or null when the queue is empty. */
  receive(buffer: Uint8Array): RawReceived | null;
  /** Calls back whenever packets may be waiting, and keeps this object alive until closed. Once only. */
  start(onReadable: () => void): void;
  /** Idempotent; the first call's onClosed is called once, after the descriptor is closed. */
  close(onClosed?: () => void): void;
  ref(): void;
  unref(): void;
}

/** SOCK_DGRAM descriptor with recvmmsg and sendmmsg; see native/udp-batch.h. */
export interface NativeUdpBatch {
  /** The bound port. */
  readonly port: number;
  /** SO_RCVBUF in bytes as the kernel granted it. */
  readonly receiveBufferBytes: number;
  /** SO_SNDBUF in bytes as the kernel granted it. */
  readonly sendBufferBytes: number;
  /** Datagrams the kernel dropped since the socket opened, the receive buffer being full. */
  readonly kernelDrops: number;
  /**
   * recvmmsg into the caller's slots: as many (at most 256) as fit in the smallest of the arrays.
   * The layout of a slot is that of DatagramBatch, which see.
   * @returns the number of slots filled; 0 when the queue is empty
   */
  receive(payload: Uint8Array, stride: number, lengths: Int32Array, addresses: Uint32Array): number;
  /**
   * sendmmsg of the first count slots whose length is 0..stride, each to the slot's remote address from
   * the slot's local address. One that the kernel refuses is skipped; a full queue drops the rest.
   * @returns the number of datagrams the kernel took; the others were dropped
   */
  send(
    payload: Uint8Array,
    stride: number,
    lengths: Int32Array,
    addresses: Uint32Array,
    count: number,
  ): number;
  start(onReadable: () => void): void;
  /** Stops watching for datagrams until resume(): for as long as the queue is known not to be empty. */
  pause(): void;
  resume(): void;
  close(onClosed?: () => void): void;
  ref(): void;
  unref(): void;
}

export interface Binding {
  readonly RawSocket: new (family: 4 | 6) => NativeRawSocket;
  readonly UdpBatch: new (options: {
    readonly family: 4 | 6;
    readonly address: Uint8Array;
    readonly scopeId: number;
    readonly port: number;
    readonly receiveBufferBytes: number;
    /** SO_SNDBUF. @default the system's */
    readonly sendBufferBytes?: number;
    /** 1: the kernel may send fragments; see BatchSocketOptions. @default 0 */
    readonly fragments?: 0 | 1;
    /** 1: runs of datagrams are sent in segments; see BatchSocketOptions. @default 0 */
    readonly segments?: 0 | 1;
    /** SO_BINDTODEVICE: only what arrives through this interface. Throws ENODEV if there is none. */
    readonly interfaceName?: string | undefined;
    /** SO_MARK. @default 0 */
    readonly mark?: number;
  }) => NativeUdpBatch;
  /** SIOCGIFFLAGS: IFF_UP is bit 0. Throws a SystemError with code ENODEV when there is no such interface. */
  readonly interfaceFlags: (name: string) => number;
  /** if_nametoindex: 0 when there is no such interface. */
  readonly interfaceIndex: (name: string) => number;
  /** The kernel's name for the kind of a virtual interface; empty for others. Throws a system error. */
  readonly interfaceKind: (name: string) => string;
  /** pipe2 with O_CLOEXEC: the read end and the write end, which the caller closes. Throws a SystemError. */
  readonly openPipe: () => readonly [readEnd: number, writeEnd: number];
  /** RLIMIT_CORE 0 and PR_SET_DUMPABLE 0. Throws a SystemError. */
  readonly hardenProcess: () => void;
  /** setns of the calling thread into the network namespace of a descriptor. Throws a SystemError. */
  readonly enterNetworkNamespace: (fd: number) => void;
  /** PR_SET_PDEATHSIG with SIGTERM; false when the parent is gone already. Throws a SystemError. */
  readonly followParent: () => boolean;
  /**
   * Starts a program without a shell and without fork(); see native/program.h. Returns the function that
   * kills it. Throws a SystemError.
   */
  readonly runProgram: (
    options: {
      readonly file: string;
      readonly args: readonly string[];
      readonly environment: readonly string[];
      /** What the program reads from stdin. */
      readonly input: string;
      /** They become 3, 4, … of the program. */
      readonly descriptors: readonly number[];
      /** The program is killed when it prints more to stdout. */
      readonly maxBytes: number;
    },
    onEnd: (code: number | null, signal: number | null, stdout: Buffer, stderr: Buffer) => void,
  ) => () => void;
  /**
   * Takes an abstract unix socket name: the descriptor that holds it, or the process that holds it, with
   * pid 0 and uid -1 where they are unknown. Throws a SystemError.
   */
  readonly lockName: (name: string) => number | readonly [pid: number, uid: number];
  /**
   * Deletes the conntrack entry one of whose directions is this UDP flow; false if there is none. Addresses
   * are 4 or 16 bytes. Throws a SystemError.
   */
  readonly forgetFlow: (
    source: Uint8Array,
    sourcePort: number,
    destination: Uint8Array,
    destinationPort: number,
  ) => boolean;
  /**
   * A listening TCP socket tied to an interface (SO_BINDTODEVICE), which node:net lacks; the connections
   * are tied with it. Returns the descriptor, which is the caller's to close. Throws a SystemError.
   */
  readonly listenTcp: (options: {
    readonly family: 4 | 6;
    readonly address: Uint8Array;
    readonly scopeId: number;
    readonly port: number;
    readonly interfaceName: string;
  }) => number;
  /** One datagram to a unix socket, `@` for an abstract name; never waits. Throws a SystemError. */
  readonly sendUnixDatagram: (path: string, text: string) => void;
}
