import pino, { type DestinationStream, type Logger } from 'pino';
import type { LogOptions } from './log-options.js';

/** A logger to stderr: one line for people, or one JSON object, for each entry. */
export function createLogger({ logFormat, logLevel }: LogOptions): Logger {
  const stderr = pino.destination({ fd: 2, sync: true });
  return pino(
    {
      level: logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    logFormat === 'json' ? stderr : textStream(stderr),
  );
}

/** Shows time, level and message; the fields are for machines, and messages say all of them. */
function textStream(destination: DestinationStream): DestinationStream {
  return {
    write(line) {
      const { time, level, msg } = JSON.parse(line) as Record<string, string>;
      destination.write(`${time?.slice(0, 19)}Z ${level?.padEnd(5)} ${msg}\n`);
    },
  };
}
