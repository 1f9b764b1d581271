import type { PublishCommand } from './commands.js';
import {
  encodeMessage,
  encodeNews,
  MAX_NEWS_LENGTH,
  type News,
  SERVER_ID_LENGTH,
  serverChannel,
} from './entries.js';
import type { StoreCounts } from './store-counts.js';

/** Limit on waiting news in bytes, for all servers together. */
const MAX_WAITING = 4 * 1024 * 1024;

/** News for other servers, several in a message. */
export class OutgoingNews {
  private readonly waiting = new Map<string, Uint8Array[]>();
  private bytes = 0;
  private count = 0;

  constructor(
    private readonly server: string,
    private readonly counts: StoreCounts,
  ) {}

  get size(): number {
    return this.count;
  }

  add(server: string, news: News): void {
    const encoded = encodeNews(news);
    if (this.bytes + encoded.length > MAX_WAITING) {
      this.counts.dropped++;
      return;
    }
    const list = this.waiting.get(server) ?? [];
    list.push(encoded);
    this.waiting.set(server, list);
    this.bytes += encoded.length;
    this.count++;
  }

  /** Takes all waiting news as messages. */
  take(): PublishCommand[] {
    const commands: PublishCommand[] = [];
    for (const [server, list] of this.waiting) {
      const channel = serverChannel(server);
      let part: Uint8Array[] = [];
      let length = SERVER_ID_LENGTH;
      for (const news of list) {
        if (length + news.length > MAX_NEWS_LENGTH) {
          commands.push({ channel, message: encodeMessage(this.server, part) });
          part = [];
          length = SERVER_ID_LENGTH;
        }
        part.push(news);
        length += news.length;
      }
      commands.push({ channel, message: encodeMessage(this.server, part) });
    }
    this.counts.newsSent += this.count;
    this.counts.messagesSent += commands.length;
    this.clear();
    return commands;
  }

  clear(): void {
    this.waiting.clear();
    this.bytes = 0;
    this.count = 0;
  }
}
