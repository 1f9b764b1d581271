import { type Lab, type LabHost, type LabProcess, x25519Keys } from '../lab/index.js';
import type { AgentStarter } from './agents/agent.js';
import type { LoadReport, RepeatedRequests, SealedRequests } from './agents/load.js';
import type { OurProgram } from './our-program.js';
import type { ApproachName, Needs, Outcome, StrangerResult } from './results.js';

/** One way for two peers to find each other. Each is one file in `approaches/`. */
export interface Approach {
  readonly name: ApproachName;
  /** One line for the head of a report. */
  readonly summary: string;
  readonly needs: Needs;
  /** Prepares what takes time once. Rejects with the reason if it cannot run on this machine. */
  prepare(): Promise<ReadyApproach>;
}

/** An approach whose programs exist. Every process that it starts ends with its lab. */
export interface ReadyApproach extends AsyncDisposable {
  /** Whether its server is a WireGuard peer of every host. The lab is then built that way. */
  readonly registry: boolean;
  /** Starts the server on the lab's rendezvous host; resolves when it answers. */
  startServer(lab: ComparedLab): Promise<Program>;
  /** Starts the client of a host; the server may start later. */
  startClient(host: LabHost, server: ServerSite): Program;
  /** Asks for a peer as a stranger that knows only a key. One result for each try. */
  askAsStranger(stranger: LabHost, lab: ComparedLab): Promise<Outcome<StrangerResult>[]>;
  /** Starts a server that knows this many peers, and describes the requests to load it with. */
  startLoadedServer(lab: ComparedLab, peers: number): Promise<LoadedServer>;
}

export type ComparedLab = Lab<string>;

/** A process, or a program that starts one periodically. */
export interface Program {
  readonly running: boolean;
  readonly stderr: string;
  stop(signal?: NodeJS.Signals): Promise<unknown>;
}

/** How a client reaches its server. */
export interface ServerSite {
  /** Its outside address. */
  readonly address: string;
  /** Its address in the tunnels, if it is a registry. */
  readonly tunnelAddress: string | undefined;
}

/** A server under load, on 127.0.0.1 of the rendezvous host. */
export interface LoadedServer {
  readonly process: LabProcess;
  readonly port: number;
  readonly script: RepeatedRequests | SealedRequests;
  /** Whether the answers are the expected ones. */
  isCorrect(report: LoadReport): boolean;
}

/** A peer that exists only as a key pair. */
export interface FakePeer {
  /** Base64. */
  readonly publicKey: string;
  readonly privateKey: string;
}

/** The programs that approaches use. */
export interface Tools {
  readonly ours: OurProgram;
  readonly agents: AgentStarter;
  /** The real wgsd, if its files are given. */
  readonly wgsd: WgsdFiles | undefined;
}

export interface WgsdFiles {
  /** CoreDNS with the plugin. */
  readonly coredns: string;
  readonly client: string;
}

/** Creates this many peers that exist only as key pairs. */
export function fakePeers(count: number): FakePeer[] {
  return Array.from({ length: count }, x25519Keys);
}

/** The rendezvous host of a lab, as clients reach it. */
export function serverSite({ rendezvous }: ComparedLab): ServerSite {
  return {
    address: rendezvous.address,
    tunnelAddress: rendezvous.hasWireguard ? rendezvous.wireguard.tunnelAddress : undefined,
  };
}
