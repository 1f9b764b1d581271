import { forgetFlow } from '../../socket/flow-table.js';
import { type Endpoint, type Family, sameEndpoint } from '../../wire/endpoint.js';
import {
  deleteScript,
  flowScript,
  listArguments,
  type MovedFlow,
  readTable,
} from './flow-script.js';
import { NftError, runNft } from './nft.js';

const FAMILIES: readonly Family[] = [4, 6];

/** What FlowTranslation does to the system. */
export interface FlowSystem {
  /** Runs nft, as runNft. */
  nft(args: readonly string[], script?: string): Promise<string>;
  /** Deletes a tracked flow, as forgetFlow. */
  forget(from: Endpoint, to: Endpoint): boolean;
}

const SYSTEM: FlowSystem = { nft: runNft, forget: forgetFlow };

/**
 * WireGuard's flows to peers that leave by another port than WireGuard's, because a socket on that port got
 * through the NATs: nftables translates them (flow-script.ts). Calls are made one after the other.
 */
export class FlowTranslation {
  readonly #interfaceName: string;
  readonly #system: FlowSystem;
  #flows: MovedFlow[] = [];
  /** Families whose table may hold what an earlier run left. */
  readonly #unread = new Set(FAMILIES);
  #work: Promise<unknown> = Promise.resolve();

  constructor(interfaceName: string, system: FlowSystem = SYSTEM) {
    this.#interfaceName = interfaceName;
    this.#system = system;
  }

  /** The flows that are translated now. */
  get flows(): readonly MovedFlow[] {
    return this.#flows;
  }

  /**
   * Takes over what an earlier run left: flows that are still in use go on, everything else of this interface
   * is removed. Once it succeeded, it does nothing. Rejects with an NftError; without nft there is nothing to
   * take over.
   */
  adopt(isInUse: (flow: MovedFlow) => boolean): Promise<void> {
    if (this.#unread.size === 0) {
      return Promise.resolve();
    }
    return this.#inTurn(async () => {
      for (const family of this.#unread) {
        const content = await this.#list(family);
        if (content?.isOwn === true) {
          const moved = this.#flows.filter(({ remote }) => remote.family === family);
          const left = content.flows.filter(
            (flow) =>
              isInUse(flow) && !moved.some(({ remote }) => sameEndpoint(remote, flow.remote)),
          );
          this.#flows = [...this.#flows, ...left];
          await this.#write(family, 'translate');
        }
        this.#unread.delete(family);
      }
    });
  }

  /**
   * Makes WireGuard's packets to a peer leave by another port from now on. Deletes what the kernel tracks of
   * either port: the rule is consulted only for the first packet of a flow, and the port has to be free.
   * @param local this host's address towards the peer
   * Rejects with an NftError, or the system's error.
   */
  move(flow: MovedFlow, local: string): Promise<void> {
    return this.#inTurn(async () => {
      const { remote, port, listenPort } = flow;
      const before = this.#flows;
      this.#flows = [...before.filter((other) => !sameEndpoint(other.remote, remote)), flow];
      try {
        await this.#write(remote.family, 'translate');
      } catch (error) {
        this.#flows = before;
        throw error;
      }
      // The socket's flow first: it holds the port that WireGuard's next packet is to get.
      for (const from of [port, listenPort]) {
        this.#system.forget({ address: local, port: from, family: remote.family }, remote);
      }
    });
  }

  /**
   * Ends the translation of the flow to a peer's endpoint, if there is one, and deletes what the kernel tracks of
   * it: the next packet leaves by WireGuard's own port again.
   * @param local this host's address towards the peer; undefined where it has none
   * Rejects with an NftError, or the system's error.
   */
  end(remote: Endpoint, local: string | undefined): Promise<void> {
    return this.#inTurn(async () => {
      const flow = this.#flows.find((one) => sameEndpoint(one.remote, remote));
      if (flow !== undefined) {
        const before = this.#flows;
        this.#flows = before.filter((one) => one !== flow);
        try {
          await this.#write(remote.family, 'translate');
          if (local !== undefined) {
            const { family } = remote;
            this.#system.forget({ address: local, port: flow.listenPort, family }, remote);
          }
        } catch (error) {
          this.#flows = before; // it ends with the next reading
          throw error;
        }
      }
    });
  }

  /**
   * Removes all translations. The flows in use go on as long as the kernel tracks them; a rule without effect
   * keeps it tracking. Rejects with an NftError.
   */
  close(isInUse: (flow: MovedFlow) => boolean): Promise<void> {
    return this.#inTurn(async () => {
      const families = new Set(this.#flows.map(({ remote }) => remote.family));
      this.#flows = this.#flows.filter(isInUse);
      for (const family of families) {
        await this.#write(family, 'keep');
      }
      this.#flows = [];
    });
  }

  /** Writes the chains of this interface, and deletes the table if they were the last ones. */
  async #write(family: Family, purpose: 'translate' | 'keep'): Promise<void> {
    const flows = this.#flows.filter(({ remote }) => remote.family === family);
    await this.#system.nft(['-f', '-'], flowScript(this.#interfaceName, family, flows, purpose));
    if (flows.length === 0 && (await this.#list(family))?.isShared === false) {
      await this.#system.nft(['-f', '-'], deleteScript(family)).catch((error: Error) => {
        // The client of another interface has made or deleted it meanwhile.
        if (!/busy|No such file/i.test(error.message)) {
          throw error;
        }
      });
    }
  }

  /** Undefined without a table, and without nft. */
  async #list(family: Family) {
    try {
      const json = await this.#system.nft(listArguments(family));
      return readTable(this.#interfaceName, family, json);
    } catch (error) {
      const { code, message } = error as NftError;
      if (error instanceof NftError && (code === 'NFT_MISSING' || /No such file/i.test(message))) {
        return undefined;
      }
      throw error;
    }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => {});
    return done;
  }
}
