/** Validation with JSON Schema 2020-12: arguments are validated before the author's function runs. */

import { FORMATS } from "./formats.ts";
import { sendable } from "./lowering.ts";
import {
  AT_LEAST, AT_MOST, CHARACTERS, ITEMS, LESS_THAN, matchOf, MEMBERS, mismatch, MISSING, MORE, MORE_THAN, MULTIPLE_OF, NOTHING, oneOf, only, TWICE, UNEXPECTED,
} from "./protocol.ts";
import { quickly } from "./quick.ts";

/** JSON Schema. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** Collector of problems, each with path and reason. */
export type Problems = string[];

/** Path of a value; null in the first pass: most values are valid, and paths cost more than the validation. */
type Path = string | null;

type Check = (value: any, path: Path, problems: Problems) => void;

/** Maximum number of problems in the message for one value. */
export const MOST = 20;

/** Maximum length of a member's name in messages. */
const LONG = 60;

/** Return the JSON type of a value, for messages. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

/** Return a scalar as JSON, shortened, and the JSON type of other values. */
export function shown(value: unknown): string {
  if (typeof value === "object" && value !== null) return kindOf(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > LONG ? `${text.slice(0, LONG)}...` : text;
}

/** Return a member or an item as the end of a path. */
export function under(path: string, segment: string | number): string;
export function under(path: Path, segment: string | number): Path;
export function under(path: Path, segment: string | number): Path {
  if (path === null) return null;
  if (typeof segment === "number") return `${path}[${segment}]`;
  const name = segment.length > LONG ? `${segment.slice(0, LONG)}...` : segment;
  if (!/^[A-Za-z_]\w*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}

function hasType(value: unknown, type: string): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number";
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "null":
      return value === null;
    default:
      return typeof value === type;
  }
}

/** Return whether two JSON values are equal. */
export function same(one: any, other: any): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && same(one[key], other[key]));
}

const length = (text: string): number => {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
};

/** Checks of keywords for one kind of value. */
function dispatched(checks: Check[], concerns: (value: unknown) => boolean): Check[] {
  if (checks.length === 0) return [];
  const check = combined(checks);
  return [(value, path, problems) => (concerns(value) ? check(value, path, problems) : undefined)];
}

function combined(checks: Check[]): Check {
  if (checks.length === 0) return () => {};
  if (checks.length === 1) return checks[0]!;
  return (value, path, problems) => {
    for (const check of checks) if (problems.length <= MOST) check(value, path, problems);
  };
}

function typed(types: string[]): Check {
  const wanted = types.join(" or ");
  const add = (value: unknown, path: Path, problems: Problems) => void problems.push(`${path}: ${mismatch(wanted, typeof value === "number" && types.includes("integer") ? value : kindOf(value))}`);
  const [only] = types;
  if (types.length === 1 && (only === "string" || only === "number" || only === "boolean")) {
    return (value, path, problems) => {
      if (typeof value !== only) add(value, path, problems);
    };
  }
  return (value, path, problems) => {
    if (!types.some((type) => hasType(value, type))) add(value, path, problems);
  };
}

class Compiler {
  readonly #known = new Map<unknown, { check: Check | undefined }>();

  constructor(readonly root: any) {}

  /** Return the validator of a schema; recursive schemas are compiled once. */
  compile(schema: any): Check {
    if (schema === true || schema === undefined) return () => {};
    if (schema === false) return (value, path, problems) => void problems.push(`${path}: not allowed`);
    const known = this.#known.get(schema);
    if (known !== undefined) return (...given) => known.check?.(...given);
    const entry: { check: Check | undefined } = { check: undefined };
    this.#known.set(schema, entry);
    entry.check = this.#made(schema);
    return entry.check;
  }

  #made(schema: any): Check {
    const checks: Check[] = [];
    if (typeof schema.$ref === "string") checks.push(this.compile(this.#target(schema.$ref)));
    if (schema.type !== undefined) checks.push(typed([schema.type].flat()));
    if (schema.enum !== undefined) {
      checks.push((value, path, problems) => {
        if (schema.enum.some((item: unknown) => same(item, value))) return;
        const known = oneOf(schema.enum.map((item: unknown) => JSON.stringify(item)).join(", "));
        problems.push(`${path}: ${mismatch(known, shown(value))}`);
      });
    }
    if ("const" in schema) {
      checks.push((value, path, problems) => {
        if (!same(schema.const, value)) problems.push(`${path}: ${mismatch(JSON.stringify(schema.const), shown(value))}`);
      });
    }
    checks.push(...dispatched(this.#numbers(schema), (value) => typeof value === "number"));
    checks.push(...dispatched(this.#strings(schema), (value) => typeof value === "string"));
    checks.push(...dispatched(this.#arrays(schema), Array.isArray));
    checks.push(...dispatched(this.#objects(schema), (value) => hasType(value, "object")));
    checks.push(...this.#combined(schema));
    return combined(checks);
  }

  #target(reference: string): any {
    if (reference === "#") return this.root;
    if (!reference.startsWith("#/")) throw new TypeError(`a schema refers to \`${reference}\`: expected \`#\` or \`#/...\``);
    let found = this.root;
    for (const part of reference.slice(2).split("/")) {
      found = found?.[decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")];
    }
    if (found === undefined) throw new TypeError(`a schema refers to \`${reference}\`, which it does not contain`);
    return found;
  }

  #numbers(schema: any): Check[] {
    const found: Check[] = [];
    const bound = (keyword: string, words: string, fits: (value: number, limit: number) => boolean) => {
      const limit = schema[keyword];
      if (typeof limit !== "number") return;
      found.push((value, path, problems) => {
        if (!fits(value, limit)) problems.push(`${path}: ${mismatch(`${words} ${limit}`, value)}`);
      });
    };
    bound("minimum", AT_LEAST, (value, limit) => value >= limit);
    bound("maximum", AT_MOST, (value, limit) => value <= limit);
    bound("exclusiveMinimum", MORE_THAN, (value, limit) => value > limit);
    bound("exclusiveMaximum", LESS_THAN, (value, limit) => value < limit);
    bound("multipleOf", MULTIPLE_OF, (value, limit) => Math.abs(value / limit - Math.round(value / limit)) < 1e-9);
    return found;
  }

  #strings(schema: any): Check[] {
    const found: Check[] = [];
    const { minLength, maxLength, pattern, format } = schema;
    if (minLength !== undefined || maxLength !== undefined) {
      found.push((value, path, problems) => {
        const size = length(value);
        if (minLength !== undefined && size < minLength) problems.push(`${path}: ${mismatch(`${AT_LEAST} ${minLength} ${CHARACTERS}`, size)}`);
        if (maxLength !== undefined && size > maxLength) problems.push(`${path}: ${mismatch(`${AT_MOST} ${maxLength} ${CHARACTERS}`, size)}`);
      });
    }
    if (pattern !== undefined) {
      const expression = new RegExp(pattern, "u");
      found.push((value, path, problems) => {
        if (!expression.test(value)) problems.push(`${path}: ${mismatch(matchOf(JSON.stringify(pattern)), shown(value))}`);
      });
    }
    const form = Object.hasOwn(FORMATS, format ?? "") ? FORMATS[format] : undefined;
    if (form !== undefined) {
      found.push((value, path, problems) => {
        if (!form(value)) problems.push(`${path}: ${mismatch(`a ${format}`, shown(value))}`);
      });
    }
    return found;
  }

  #arrays(schema: any): Check[] {
    const found: Check[] = [];
    const { minItems, maxItems, uniqueItems } = schema;
    if (minItems !== undefined || maxItems !== undefined || uniqueItems) found.push((value, path, problems) => {
      if (minItems !== undefined && value.length < minItems) problems.push(`${path}: ${mismatch(`${AT_LEAST} ${minItems} ${ITEMS}`, value.length)}`);
      if (maxItems !== undefined && value.length > maxItems) problems.push(`${path}: ${mismatch(`${AT_MOST} ${maxItems} ${ITEMS}`, value.length)}`);
      if (uniqueItems && value.some((item: unknown, at: number) => value.slice(0, at).some((before: unknown) => same(item, before)))) {
        problems.push(`${path}: ${TWICE}`);
      }
    });
    const first: Check[] = (schema.prefixItems ?? []).map((item: any) => this.compile(item));
    const rest = schema.items === undefined ? undefined : this.compile(schema.items);
    if (first.length > 0 || rest !== undefined) {
      found.push((value, path, problems) => {
        for (let at = 0; at < value.length && problems.length <= MOST; at += 1) (first[at] ?? rest)?.(value[at], path === null ? null : under(path, at), problems);
      });
    }
    if (schema.contains !== undefined) {
      const inner = this.compile(schema.contains);
      found.push((value, path, problems) => {
        if (!value.some((item: unknown) => fits(inner, item))) problems.push(`${path}: no item matches the schema of \`contains\``);
      });
    }
    return found;
  }

  #objects(schema: any): Check[] {
    const properties = new Map<string, Check>();
    for (const [name, inner] of Object.entries(schema.properties ?? {})) properties.set(name, this.compile(inner));
    const patterns = Object.entries(schema.patternProperties ?? {}).map(
      ([pattern, inner]) => [new RegExp(pattern, "u"), this.compile(inner)] as const,
    );
    const required: string[] = schema.required ?? [];
    const others = schema.additionalProperties;
    const other = others === undefined || typeof others === "boolean" ? undefined : this.compile(others);
    const names = schema.propertyNames === undefined ? undefined : this.compile(schema.propertyNames);
    const { minProperties, maxProperties } = schema;
    const known = properties.size === 0 ? NOTHING : only([...properties.keys()].join(", "));
    if (properties.size + patterns.length + required.length === 0 && others !== false && other === undefined && names === undefined && minProperties === undefined && maxProperties === undefined) return [];
    return [
      (value, path, problems) => {
        const keys = Object.keys(value);
        if (keys.length < (schema.minProperties ?? 0)) problems.push(`${path}: ${mismatch(`${AT_LEAST} ${schema.minProperties} ${MEMBERS}`, keys.length)}`);
        if (keys.length > (schema.maxProperties ?? Infinity)) problems.push(`${path}: ${mismatch(`${AT_MOST} ${schema.maxProperties} ${MEMBERS}`, keys.length)}`);
        for (const name of keys) {
          if (problems.length > MOST) return;
          names?.(name, under(path, name), problems);
          let matches = false;
          for (const [pattern, check] of patterns) {
            if (!pattern.test(name)) continue;
            matches = true;
            check(value[name], under(path, name), problems);
          }
          const check = properties.get(name);
          if (check !== undefined) check(value[name], path === null ? null : under(path, name), problems);
          else if (matches) continue;
          else if (other !== undefined) other(value[name], under(path, name), problems);
          else if (others === false) {
            problems.push(`${under(path, name)}: ${problems.some((one) => one.includes(`: ${UNEXPECTED}`)) ? UNEXPECTED : known}`);
          }
        }
        for (const name of required) {
          if (problems.length > MOST) return;
          if (!Object.hasOwn(value, name)) problems.push(`${under(path, name)}: ${MISSING}`);
        }
      },
    ];
  }

  #combined(schema: any): Check[] {
    const found: Check[] = (schema.allOf ?? []).map((inner: any) => this.compile(inner));
    for (const keyword of ["anyOf", "oneOf"] as const) {
      if (schema[keyword] === undefined) continue;
      const options: Check[] = schema[keyword].map((inner: any) => this.compile(inner));
      found.push((value, path, problems) => {
        const tried = options.map((option) => problemsOf(option, value, path));
        const count = tried.filter((inner) => inner.length === 0).length;
        if (count === 1 || (count > 1 && keyword === "anyOf")) return;
        if (count > 1) problems.push(`${path}: matches ${count} of the schemas of \`oneOf\`, not exactly one`);
        // Report the best alternative: the one with the fewest problems, at the deepest path.
        else problems.push(...tried.reduce((best, inner) => (isNearer(inner, best) ? inner : best)));
      });
    }
    if (schema.not !== undefined) {
      const inner = this.compile(schema.not);
      found.push((value, path, problems) => {
        if (fits(inner, value)) problems.push(`${path}: matches the schema of \`not\``);
      });
    }
    if (schema.if !== undefined) {
      const [condition, then, otherwise] = [schema.if, schema.then, schema.else].map((inner) => this.compile(inner));
      found.push((...given) => (fits(condition!, given[0]) ? then! : otherwise!)(...given));
    }
    return found;
  }
}

const depth = (problems: Problems): number => (problems[0] === undefined ? 0 : problems[0].split(": ")[0]!.length);

function isNearer(one: Problems, other: Problems): boolean {
  return one.length === other.length ? depth(one) > depth(other) : one.length < other.length;
}

function problemsOf(check: Check, value: unknown, path: Path): Problems {
  const problems: Problems = [];
  check(value, path, problems);
  return problems;
}

function fits(check: Check, value: unknown): boolean {
  return problemsOf(check, value, null).length === 0;
}

/** Return a function that lists the problems of a value. Throws a `TypeError` for an unresolvable reference. */
export function checker(schema: JsonSchema): (value: unknown) => Problems {
  const check = new Compiler(schema).compile(schema);
  const quick = quickly(schema);
  return (value) => {
    if (quick?.(value) || fits(check, value)) return [];
    const problems = problemsOf(check, value, "");
    const named = problems.slice(0, MOST).map((problem) => sendable(problem.replace(/^: /, "")));
    return problems.length > MOST ? [...named, MORE] : named;
  };
}
