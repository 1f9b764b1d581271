import type { Registration } from './entries.js';

/** Another server of the store, as long as this one is connected with the store. */
export class RemoteServer {
  /** @param heardAt ms of its last announcement, or of the first news of it */
  constructor(
    readonly id: string,
    public heardAt: number,
  ) {}
}

/** A registration of the peer of a want with another server, where it wants the owner. */
export interface RemotePeer {
  readonly server: RemoteServer;
  readonly registration: Registration;
  /** Its candidates for the owner. */
  readonly candidates: Uint8Array | undefined;
  /** Its server said so itself and tells every change; otherwise it was read in the store. */
  readonly isConfirmed: boolean;
  /** When it ends unless it is confirmed, in ms. */
  readonly endsAt: number;
  /** Whether it was looked up again after its server fell silent. */
  wasAsked: boolean;
}

/** Whether nobody stands for it any more: neither its server nor the time to live. */
export function isOver(
  { isConfirmed, server, endsAt }: RemotePeer,
  now: number,
  ttlMs: number,
): boolean {
  return now >= (isConfirmed ? server.heardAt + ttlMs : endsAt);
}
