/** The lab: hosts, NATs and WireGuard devices in network namespaces. */
export { Cable, type CableRule, type PacketMatch, type Tally } from './cable.js';
export {
  Capture,
  type CapturedPacket,
  type Crossing,
  crossedInitiations,
  INITIATION_TYPE,
} from './capture.js';
export { CommandError, type CommandOptions, type CommandResult } from './command.js';
export { type DeadlineOptions, until } from './deadline.js';
export type { Distance } from './distance.js';
export { FULL_TUNNEL_MARK } from './full-tunnel.js';
export { LabGateway, LabHost } from './host.js';
export { createLab, Lab, type LabOptions } from './lab.js';
export { Namespace } from './namespace.js';
export { LabProcess, type ProcessExit } from './process.js';
export { type HostOptions, meshHosts, type NatKind } from './topology.js';
export { type PeerOptions, WireguardDevice, x25519Keys } from './wireguard-device.js';
