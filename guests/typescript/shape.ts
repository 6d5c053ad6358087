/** Schemas of authors: JSON Schema, or a library such as zod (Standard Schema). */

import { DeclarationError } from "./errors.ts";
import { MORE } from "./protocol.ts";
import { checker, shown, MOST, under, type JsonSchema, type Problems } from "./schema.ts";

/** Part of https://standardschema.dev that is used; zod 4.2, valibot, arktype and others implement it. */
export interface StandardSchema<Input = any, Output = any> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    readonly validate: (value: unknown) => any;
  };
}

/** Accepted kinds of schemas. */
export type Schema = StandardSchema | JsonSchema;

type Typed<T> = T extends "string"
  ? string
  : T extends "number" | "integer"
    ? number
    : T extends "boolean"
      ? boolean
      : T extends "null"
        ? null
        : unknown;

type Required<S> = S extends { required: readonly (infer R)[] } ? R : never;
type Flat<T> = { [K in keyof T]: T[K] };

/** Type of the values of a JSON Schema literal. */
export type FromJsonSchema<S> = S extends { const: infer C }
  ? C
  : S extends { enum: readonly (infer E)[] }
    ? E
    : S extends { anyOf: readonly (infer O)[] } | { oneOf: readonly (infer O)[] }
      ? FromJsonSchema<O>
      : S extends { type: "array"; items: infer I }
        ? FromJsonSchema<I>[]
        : S extends { type: "object"; properties: infer P }
          ? Flat<
              { -readonly [K in keyof P as K extends Required<S> ? K : never]: FromJsonSchema<P[K]> } & {
                -readonly [K in keyof P as K extends Required<S> ? never : K]?: FromJsonSchema<P[K]>;
              }
            >
          : S extends { type: "object" }
            ? Record<string, any>
            : S extends { type: infer T }
              ? Typed<T>
              : any;

/** Type of the values that a schema accepts. */
export type Infer<S> = S extends StandardSchema
  ? NonNullable<S["~standard"]["types"]> extends { output: infer O }
    ? O
    : any
  : FromJsonSchema<S>;

/** Compiled schema: JSON Schema for clients, and validation. */
export interface Shape {
  readonly json: JsonSchema;
  /** Return the converted value, or the problems. */
  load(value: unknown): { value: any } | { problems: Problems };
}

function isStandard(schema: any): schema is StandardSchema {
  return schema !== null && (typeof schema === "object" || typeof schema === "function") && "~standard" in schema;
}

/**
 * Compile a schema.
 *
 * @param schema The author's schema.
 * @param direction Input or output: a schema that converts has two JSON Schemas.
 * @param place The name of what it describes, for messages.
 */
export function shapeOf(schema: Schema, direction: "input" | "output", place: string): Shape {
  if (isStandard(schema)) return standardShape(schema, direction, place);
  if (schema === null || typeof schema !== "object" || Array.isArray(schema)) {
    throw new DeclarationError(`${place}: expected a JSON Schema or a schema of zod, got ${typeof schema}`);
  }
  const check = guarded(() => checker(schema), place);
  const wrong = [...unfitDefaults(schema, schema, "")];
  if (wrong.length > 0) throw new DeclarationError(`${place}: ${wrong.join("; ")}`);
  return {
    json: schema,
    load(value) {
      const problems = check(value);
      return problems.length > 0 ? { problems } : { value };
    },
  };
}

/** Return whether a value is valid for a part of a schema. */
export function accepts(part: JsonSchema, value: unknown, root: JsonSchema): boolean {
  return problemsOf(part, value, root).length === 0;
}

function problemsOf(part: JsonSchema, value: unknown, root: JsonSchema): Problems {
  return checker("$defs" in root ? { ...part, $defs: root.$defs } : part)(value);
}

/** Yield a problem for each default value in a schema that is invalid. */
function* unfitDefaults(part: any, root: JsonSchema, path: string): Generator<string> {
  if (typeof part !== "object" || part === null || part === root.$defs) return;
  if ("default" in part && typeof part.$ref !== "string") {
    for (const problem of problemsOf(part, part.default, root).slice(0, 1)) yield `the default ${shown(part.default)} of \`${path}\` does not fit: ${problem}`;
  }
  for (const [name, inner] of Object.entries(part.properties ?? {})) yield* unfitDefaults(inner, root, under(path, name));
  for (const keyword of ["items", "additionalProperties"]) yield* unfitDefaults(part[keyword], root, `${path}[]`);
  for (const keyword of ["anyOf", "oneOf", "allOf", "prefixItems"]) for (const inner of part[keyword] ?? []) yield* unfitDefaults(inner, root, path);
}

function guarded<T>(make: () => T, place: string): T {
  try {
    return make();
  } catch (error) {
    throw new DeclarationError(`${place}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function standardShape(schema: StandardSchema, direction: "input" | "output", place: string): Shape {
  const standard = schema["~standard"] as any;
  const convert = standard.jsonSchema?.[direction];
  const vendor = String(standard.vendor);
  if (typeof convert !== "function") {
    const advice = vendor === "zod" ? "zod 4.2 or newer can" : "give a JSON Schema instead";
    throw new DeclarationError(`${place}: this version of ${vendor} does not provide its JSON Schema: ${advice}`);
  }
  const { $schema: _, ...json } = guarded(() => convert.call(standard.jsonSchema, { target: "draft-2020-12" }), place) as any;
  return {
    json,
    load(value) {
      const found = standard.validate(value);
      if (typeof found?.then === "function") {
        throw new TypeError(`${place}: the schema validates in an async function, which is not supported`);
      }
      if (found.issues === undefined) return { value: found.value };
      const named = found.issues.slice(0, MOST).map(described);
      return { problems: found.issues.length > MOST ? [...named, MORE] : named };
    },
  };
}

function described(issue: { message: string; path?: readonly (PropertyKey | { key: PropertyKey })[] }): string {
  let path = "";
  for (const segment of issue.path ?? []) {
    const key = typeof segment === "object" ? segment.key : segment;
    path = under(path, typeof key === "number" ? key : String(key));
  }
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}

/** Return the members of an object's schema, with references resolved. */
export function membersOf(json: JsonSchema): Map<string, JsonSchema> {
  return new Map(Object.entries((followed(json, json).properties ?? {}) as Record<string, JsonSchema>));
}

/** Return a schema with its reference resolved. */
export function followed(json: any, root: any): any {
  for (let count = 0; typeof json?.$ref === "string" && count < 16; count += 1) {
    json = json.$ref
      .replace(/^#\/?/, "")
      .split("/")
      .filter((part: string) => part !== "")
      .reduce((found: any, part: string) => found?.[part], root);
  }
  return json ?? {};
}
