/** Values that arrive as text: the arguments of prompts, the variables of URIs. */

import type { JsonSchema } from "./schema.ts";
import { numberIn } from "./runtime/numbers.ts";
import { followed } from "./shape.ts";

const SCALARS: Record<string, (text: string) => unknown> = {
  number: (text) => numberIn(text) ?? text,
  // Digits that no number of JavaScript has would come out as others.
  integer: (text) => (Number.isSafeInteger(numberIn(text)) ? numberIn(text) : text),
  boolean: (text) => (text === "true" ? true : text === "false" ? false : text),
  null: (text) => (text === "null" ? null : text),
};

function optionsOf(schema: any, root: any): any[] {
  const found = followed(schema, root);
  return [found, ...[...(found.anyOf ?? []), ...(found.oneOf ?? [])].map((inner) => followed(inner, root))];
}

/** The value that a text stands for: itself where the schema takes strings, else the scalar in it. */
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

/** The values of a schema that has few: an enum, a constant, a boolean; else nothing. */
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
