import type { Device } from '../../wireguard/device.js';
import type { ServerLocator } from '../server-locator.js';
import type { Conversation } from './conversation.js';
import type { ServerChannels } from './server-channels.js';

/**
 * Has a conversation go to the server's addresses, one of each family: to those that the locator has now,
 * and where the server is silent in one family while it answers in the other, to the next one there.
 * @param conversation undefined while there is none: then the channels are opened for it
 * @throws what no retry can mend, as the channels do
 */
export function followServer(
  conversation: Conversation | undefined,
  locator: ServerLocator,
  channels: Pick<ServerChannels, 'open' | 'use'>,
  device: Device,
  now: number,
): void {
  for (const family of conversation?.silentFamilies ?? []) {
    locator.advanceIn(family, now);
  }
  for (const family of channels.use((family) => locator.endpointOf(family), device)) {
    conversation?.moved(family);
  }
  conversation?.useFamilies(channels.open);
}
