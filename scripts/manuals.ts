/* Writes dist/man and dist/completion, from the definitions of the commands. Part of the build. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { COMMANDS } from '../src/cli/commands.js';
import { completions } from '../src/cli/manual/completion.js';
import { manPages } from '../src/cli/manual/man-page.js';
import { createProgram } from '../src/cli/program.js';
import { version } from '../src/cli/version.js';

const OUT = fileURLToPath(new URL('../', import.meta.url));

const program = createProgram(COMMANDS);
const files = [
  ...manPages(program, version()).map(({ file, text }) => ['man', file, text] as const),
  ...completions(program).map(
    ({ shell, file, text }) => [`completion/${shell}`, file, text] as const,
  ),
];
for (const folder of ['man', 'completion']) {
  rmSync(`${OUT}${folder}`, { recursive: true, force: true });
}
for (const [folder, file, text] of files) {
  mkdirSync(`${OUT}${folder}`, { recursive: true });
  writeFileSync(`${OUT}${folder}/${file}`, text);
}
