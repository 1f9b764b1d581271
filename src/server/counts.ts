import type { AdmissionCounts } from '../limits/admission.js';
import type { SocketCounts } from '../socket/socket-counts.js';
import type { ClassicCounts } from './classic/classic-handler.js';
import type { SealedCounts, SealedSizes } from './sealed/sealed-counts.js';

/** The table, for reports. */
export interface TableCounts {
  /** Entries held, with those that have expired and were not reclaimed yet. */
  readonly peers: number;
  readonly maxPeers: number;
  /** Entries that expired since the start. */
  readonly expired: number;
  /** Memory of the table. */
  readonly bytes: number;
}

/** What a server has done since it started. */
export interface ServiceCounts {
  readonly admission: Readonly<AdmissionCounts>;
  readonly classic: Readonly<ClassicCounts>;
  readonly table: TableCounts;
  /** Where the server speaks the sealed protocol. */
  readonly sealed?: Readonly<SealedCounts> & SealedSizes;
  readonly sockets: Readonly<SocketCounts>;
}
