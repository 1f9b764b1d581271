import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';

const FOLDER = new URL('../../../docs/', import.meta.url);

/** The errors of a value against a published schema; empty if it is valid. */
export function errorsAgainst(schema: string, value: unknown): string[] {
  const ajv = new Ajv({ allErrors: true, strict: true });
  const file = fileURLToPath(new URL(schema, FOLDER));
  const validate = ajv.compile(JSON.parse(readFileSync(file, 'utf8')));
  // As serialized: without undefined fields.
  return validate(JSON.parse(JSON.stringify(value)))
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** The errors of a status against docs/status.schema.json. */
export function statusErrors(status: unknown): string[] {
  return errorsAgainst('status.schema.json', status);
}
