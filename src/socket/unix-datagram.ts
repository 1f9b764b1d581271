import { loadBinding } from './binding.js';

/**
 * Sends a text as one datagram to a unix socket, which node:dgram cannot. A path that begins with @ is an
 * abstract name (unix(7)). Never waits. Throws an AddonError or the system's error: EAGAIN when the
 * receiver's queue is full.
 */
export function sendUnixDatagram(path: string, text: string): void {
  loadBinding().sendUnixDatagram(path, text);
}
