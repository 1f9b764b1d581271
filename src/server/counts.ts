import type { AdmissionCounts } from '../limits/admission.js';
import type { SocketCounts } from '../socket/socket-counts.js';
import type { ClassicCounts } from './classic/classic-handler.js';
import type { RelayCounts, RelaySizes } from './relay/relay-counts.js';
import type { SealedCounts, SealedSizes } from './sealed/sealed-counts.js';
import type { StoreCounts, StoreSizes } from './store/store-counts.js';
import type { StunCounts } from './stun-handler.js';

/** The classic table, for reports. */
export interface TableCounts {
  /** Entries, including expired ones that are not reclaimed yet. */
  readonly peers: number;
  readonly maxPeers: number;
  /** Entries that expired since the start. */
  readonly expired: number;
  /** Memory of the table. */
  readonly bytes: number;
}

/** The counts of a server since its start. */
export interface ServiceCounts {
  readonly admission: Readonly<AdmissionCounts>;
  readonly classic: Readonly<ClassicCounts>;
  readonly table: TableCounts;
  /** Undefined if the server speaks the classic protocol only. */
  readonly sealed?: Readonly<SealedCounts> & SealedSizes;
  /** Undefined if the server does not relay. */
  readonly relay?: Readonly<RelayCounts> & RelaySizes;
  /** Undefined if the server answers no STUN. */
  readonly stun?: Readonly<StunCounts>;
  /** Undefined if the server shares nothing. */
  readonly store?: Readonly<StoreCounts> & StoreSizes;
  readonly sockets: Readonly<SocketCounts>;
}
