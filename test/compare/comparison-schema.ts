import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';

const FILE = fileURLToPath(new URL('../../../docs/comparison.schema.json', import.meta.url));

/** The errors of a comparison against the published schema; empty if it is valid. */
export function schemaErrors(comparison: unknown): string[] {
  const ajv = new Ajv({ allErrors: true, strict: true });
  const validate = ajv.compile(JSON.parse(readFileSync(FILE, 'utf8')));
  return validate(comparison)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
