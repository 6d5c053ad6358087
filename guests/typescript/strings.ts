/** Conversion of texts to values: arguments of prompts, variables of URIs. */

import type { JsonSchema } from "./schema.ts";
import { numberIn } from "./runtime/numbers.ts";
import { followed } from "./shape.ts";

const SCALARS: Record<string, (text: string) => unknown> = {
  number: (text) => numberIn(text) ?? text,
  // Reject integers that a JavaScript number cannot represent exactly.
  integer: (text) => {
    const value = numberIn(text);
    return value === undefined || (Number.isInteger(value) && !Number.isSafeInteger(value)) ? text : value;
  },
  boolean: (text) => (text === "true" ? true : text === "false" ? false : text),
  null: (text) => (text === "null" ? null : text),
};

function optionsOf(schema: any, root: any): any[] {
  const found = followed(schema, root);
  return [found, ...[...(found.anyOf ?? []), ...(found.oneOf ?? [])].map((inner) => followed(inner, root))];
}

/** Convert a text: unchanged if the schema accepts strings, else parsed as a scalar. */
export function fromText(schema: JsonSchema | undefined, text: string | string[], root: JsonSchema): unknown {
  if (Array.isArray(text)) {
    const items = followed(schema, root).items as JsonSchema | undefined;
    return text.map((item) => fromText(items, item, root));
  }
  const options = optionsOf(schema, root);
  const types = new Set(options.flatMap((option) => option.type ?? []));
  for (const option of options) for (const value of option.enum ?? ("const" in option ? [option.const] : [])) {
    if (String(value) === text) return value;
  }
  if (types.has("string")) return text;
  for (const [type, read] of Object.entries(SCALARS)) {
    const value = types.has(type) ? read(text) : text;
    if (typeof value !== "string") return value;
  }
  return text;
}

/** Return the values of an enum, constant or boolean schema, without null; empty for others. */
export function proposalsOf(schema: JsonSchema | undefined, root: JsonSchema): string[] {
  const found = new Set<string>();
  for (const option of optionsOf(schema, root)) {
    if (option.enum !== undefined) for (const value of option.enum) found.add(String(value));
    else if ("const" in option) found.add(String(option.const));
    else if (option.type === "boolean") for (const value of ["true", "false"]) found.add(value);
  }
  found.delete("null");
  return [...found];
}
