import { type ParseArgsConfig, parseArgs } from 'node:util';

/** The options of a benchmark. An unknown one, or one without its value, ends it with 2 and one line. */
export function readFlags<const T extends NonNullable<ParseArgsConfig['options']>>(options: T) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    const names = Object.keys(options).map((name) => `--${name}`);
    const [why] = (error as Error).message.split(/\.\s/);
    console.error(`${why}: the options are ${names.join(', ')}`);
    process.exit(2);
  }
}
