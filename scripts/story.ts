/** Output of the demo: steps and lines on stdout, with colour on a terminal only. */
const colour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;

function styled(code: number, text: string): string {
  return colour ? `\x1b[${code}m${text}\x1b[0m` : text;
}

export const DONE = styled(32, 'It works.');
export const FAILED = styled(31, 'It does not work:');

export function bold(text: string): string {
  return styled(1, text);
}

/** Prints the title of a step. */
export function step(text: string): void {
  process.stdout.write(`\n${bold(text)}\n`);
}

/** Prints one line of a step. */
export function line(text: string): void {
  process.stdout.write(`  ${text}\n`);
}
