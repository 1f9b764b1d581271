import pino, { type DestinationStream, type Logger } from 'pino';
import { sendUnixDatagram } from '../socket/unix-datagram.js';
import type { LogOptions } from './log-options.js';

const SYSLOG = '/dev/log';
/** Facility daemon, as a number of syslog(3) that is shifted by three. */
const DAEMON = 3 << 3;
const SEVERITIES: Readonly<Record<string, number>> = { fatal: 2, error: 3, warn: 4, info: 6 };
const DEBUG = 7;

/** A logger to stderr, or of a daemon to syslog: one line for people, or one JSON object, for each entry. */
export function createLogger(
  { logFormat, logLevel }: LogOptions,
  to: 'stderr' | 'syslog' = 'stderr',
  syslog = SYSLOG,
): Logger {
  const destination =
    to === 'syslog' ? syslogStream(logFormat, syslog) : stderrStream(logFormat, logLevel);
  return pino(
    {
      level: logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

function stderrStream(
  format: LogOptions['logFormat'],
  level: LogOptions['logLevel'],
): DestinationStream {
  const stderr = pino.destination({ fd: 2, sync: true });
  // A connection takes less than a second: what debug and trace show is in milliseconds.
  const isPrecise = level === 'debug' || level === 'trace';
  return format === 'json' ? stderr : textStream(stderr, isPrecise);
}

/** Lines for the host's log (RFC 3164, without time and host, which the log adds). Lost if there is none. */
function syslogStream(format: LogOptions['logFormat'], path: string): DestinationStream {
  return {
    write(line) {
      const { level, msg } = JSON.parse(line) as Record<string, string>;
      const text = format === 'json' ? line.trimEnd() : msg;
      const priority = DAEMON | (SEVERITIES[level ?? ''] ?? DEBUG);
      try {
        sendUnixDatagram(path, `<${priority}>wg-rendezvous[${process.pid}]: ${text}`);
      } catch {
        // The host has no syslog, or one that cannot keep up: the daemon continues.
      }
    },
  };
}

/** Shows time, level and message. The fields are for machines; messages contain all of them. */
function textStream(destination: DestinationStream, isPrecise: boolean): DestinationStream {
  return {
    write(line) {
      const { time, level, msg } = JSON.parse(line) as Record<string, string>;
      const shown = isPrecise ? time : `${time?.slice(0, '2000-01-01T00:00:00'.length)}Z`;
      destination.write(`${shown} ${level?.padEnd(5)} ${msg}\n`);
    },
  };
}
