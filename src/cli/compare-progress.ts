import type { Progress } from '../compare/index.js';
import { createLogger } from './log.js';
import type { LogOptions } from './log-options.js';
import { Screen } from './screen.js';
import { cut } from './text-width.js';

/** Shows the progress of a comparison: in place on a terminal, as log lines elsewhere. */
export async function compareProgress(stream: NodeJS.WriteStream, flags: LogOptions) {
  return stream.isTTY && flags.logFormat === 'text' ? drawn(stream) : logged(flags);
}

function drawn(stream: NodeJS.WriteStream) {
  let lines: string[] = [];
  const screen = new Screen(stream, (columns, rows) =>
    lines.slice(0, rows).map((line) => cut(line, columns)),
  );
  return {
    show: ({ done, total, running }: Progress) => {
      lines = [`${bar(done, total)} ${done} of ${total}`, ...running];
      screen.draw();
    },
    end: () => screen.clear(),
  };
}

const BAR_LENGTH = 30;

function bar(done: number, total: number): string {
  const full = Math.round((done / Math.max(total, 1)) * BAR_LENGTH);
  return '#'.repeat(full).padEnd(BAR_LENGTH, '.');
}

function logged(flags: LogOptions) {
  const logger = createLogger(flags);
  let before = new Set<string>();
  return {
    show({ done, total, running }: Progress) {
      for (const title of running.filter((title) => !before.has(title))) {
        logger.info({ done, total }, `${done} of ${total} done: ${title}`);
      }
      before = new Set(running);
    },
    end() {},
  };
}
