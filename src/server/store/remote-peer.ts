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
  /** Its server reported it and reports every change; otherwise it was read from the store. */
  readonly isConfirmed: boolean;
  /** When it expires unless it is confirmed, in ms. */
  readonly endsAt: number;
  /** Whether it was looked up again after its server fell silent. */
  wasAsked: boolean;
}

/** Whether it has ended: its server fell silent, or nothing confirmed it in time. */
export function isOver(
  { isConfirmed, server, endsAt }: RemotePeer,
  now: number,
  ttlMs: number,
): boolean {
  return now >= (isConfirmed ? server.heardAt + ttlMs : endsAt);
}
