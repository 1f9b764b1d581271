import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LateLogger, type LineLogger } from '../../src/cli/late-logger.js';

const FLAGS = { logFormat: 'text', logLevel: 'info' } as const;

/** A late logger, what it has written, and how often it was loaded. */
function lateLogger() {
  const written: string[] = [];
  let loads = 0;
  const levels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
  const target = Object.fromEntries(
    levels.map((level) => [level, (_: object, line: string) => written.push(`${level} ${line}`)]),
  ) as unknown as LineLogger;
  const logger = new LateLogger(FLAGS, 'stderr', async () => {
    loads++;
    return target;
  });
  return { logger, written, loads: () => loads };
}

test('a late logger is not loaded if there is nothing to write', async () => {
  const { logger, loads } = lateLogger();
  await logger.flush();
  assert.equal(loads(), 0);
});

test('a late logger writes its lines in order, those of before it was loaded too', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { logger, written, loads } = lateLogger();
  logger.info({}, 'one');
  logger.warn({}, 'two');
  await Promise.resolve();
  assert.deepEqual(written, []);
  assert.equal(loads(), 0, 'the first packet comes first');
  t.mock.timers.tick(30);
  logger.info({}, 'three');
  await new Promise(setImmediate);
  assert.deepEqual(written, ['info one', 'warn two', 'info three']);
  logger.info({}, 'four');
  assert.equal(written.at(-1), 'info four', 'at once');
  assert.equal(loads(), 1);
});

test('a late logger has written all when it was flushed', async () => {
  const { logger, written, loads } = lateLogger();
  logger.info({}, 'one');
  const flushed = logger.flush();
  logger.info({}, 'two');
  await flushed;
  assert.deepEqual(written, ['info one', 'info two']);
  logger.info({}, 'three');
  await logger.flush();
  assert.equal(written.length, 3);
  assert.equal(loads(), 1);
});
