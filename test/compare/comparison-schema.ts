import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';

const FILE = fileURLToPath(new URL('../../../docs/comparison.schema.json', import.meta.url));

/** What is wrong with a comparison, held against the published schema; empty when nothing is. */
export function schemaErrors(comparison: unknown): string[] {
  const ajv = new Ajv({ allErrors: true, strict: true });
  const validate = ajv.compile(JSON.parse(readFileSync(FILE, 'utf8')));
  return validate(comparison)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
