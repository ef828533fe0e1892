// Checks an OpenAPI document against the official schema, and values against the schemas in the document.
//
// Standard input is `{ document, values: [{ schema, value, fits }] }`, where `schema` is a JSON pointer into the
// document. Prints what is wrong, a line each; nothing if all is well.

import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const { document, values } = JSON.parse(readFileSync(0, 'utf8'));
const complain = (...words) => console.log(words.join(' '));

// The validator takes the document for its own and changes it.
const { valid, errors } = await new Validator().validate(structuredClone(document));
if (!valid) complain('not OpenAPI:', JSON.stringify(errors));

const ajv = new Ajv.default({ strict: false, allErrors: true });
addFormats.default(ajv);
for (const bits of [8, 16, 32, 64]) {
  ajv.addFormat(`int${bits}`, true);
  ajv.addFormat(`uint${bits}`, true);
}
ajv.addSchema(document, 'document');

// What the official schema does not see: that references lead somewhere, and that ids are unique.
const ids = new Set();
const at = pointer => pointer.split('/').slice(1).reduce(
  (value, step) => value?.[decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')], document);
const visit = value => {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (name === '$ref' && at(inner.slice(1)) === undefined) complain('leads nowhere:', inner);
    if (name === 'operationId') {
      if (ids.has(inner)) complain('twice the same id:', inner);
      ids.add(inner);
    }
    visit(inner);
  }
};
visit(document);

// Each must be a schema by itself, too.
for (const name of Object.keys(document.components.schemas)) ajv.compile({ $ref: `document#/components/schemas/${name}` });

const validators = new Map();
for (const { schema, value, fits } of values) {
  if (!validators.has(schema)) validators.set(schema, ajv.compile({ $ref: `document#${schema}` }));
  const validate = validators.get(schema);
  if (validate(value) !== fits) {
    complain(`${schema}: ${fits ? 'does not take' : 'takes'} ${JSON.stringify(value)}`, ajv.errorsText(validate.errors));
  }
}
