import type { Lab, LabHost } from '../lab/index.js';
import type { ApproachName, Needs, Outcome, RateResult, StrangerResult } from './results.js';

/** A way for two peers to find each other, as the comparison runs it. Each is one file in `approaches/`. */
export interface Approach {
  readonly name: ApproachName;
  /** One line for the head of a report. */
  readonly summary: string;
  readonly needs: Needs;
  /** Gets ready what takes time once. Rejects with the reason when it cannot run on this machine. */
  prepare(): Promise<ReadyApproach>;
}

/** An approach whose programs are there. Everything that it starts ends with its lab. */
export interface ReadyApproach extends AsyncDisposable {
  /** Whether its server is a WireGuard peer of everybody: then the lab is made so. */
  readonly registry: boolean;
  /** The UDP ports of the rendezvous host that a client sends to. */
  readonly ports: readonly number[];
  /** Starts the server on the lab's rendezvous host; done when it answers. */
  startServer(lab: ComparedLab): Promise<Program>;
  /** Starts the client of a host, with a server that is there or still to come. */
  startClient(host: LabHost, server: ServerSite): Program;
  /**
   * Makes the server know these peers, each at an endpoint of its own on the host `crowd`, and lets it
   * tell them to `asker`.
   */
  introduce(peers: readonly FakePeer[], crowd: Crowd): Promise<void>;
  /** Asks as somebody who is no peer of anybody, and has learnt only a key. One result for each try. */
  askAsStranger(stranger: LabHost, lab: ComparedLab): Promise<Outcome<StrangerResult>[]>;
  /** Starts a server that knows so many peers, and asks it for them as fast as it answers. */
  measureRate(peers: number, seconds: number): Promise<RateResult>;
}

export type ComparedLab = Lab<string>;

/** A process, or something that starts one again and again. */
export interface Program {
  readonly running: boolean;
  readonly stderr: string;
  stop(signal?: NodeJS.Signals): Promise<unknown>;
}

/** Where a client finds its server. */
export interface ServerSite {
  /** The address that it answers on from outside. */
  readonly address: string;
  /** Its address in the tunnels, where it is a registry. */
  readonly tunnelAddress: string | undefined;
}

/** A peer that exists only as a key pair. */
export interface FakePeer {
  /** Base64. */
  readonly publicKey: string;
  readonly privateKey: string;
}

/** Where fake peers are, and who may know. */
export interface Crowd {
  readonly lab: ComparedLab;
  readonly host: LabHost;
  readonly asker: LabHost;
}

/** The rendezvous host of a lab, as clients are told it. */
export function serverSite({ rendezvous }: ComparedLab): ServerSite {
  return {
    address: rendezvous.address,
    tunnelAddress: rendezvous.hasWireguard ? rendezvous.wireguard.tunnelAddress : undefined,
  };
}
