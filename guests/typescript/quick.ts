/**
 * Fast path of validation: one generated function per schema.
 *
 * Function calls dominate the cost of validation in an interpreter. Values that this rejects are validated again in
 * full; values that it accepts are valid.
 */

const SCALARS: Record<string, (name: string) => string> = {
  string: (name) => `typeof ${name} === "string"`,
  number: (name) => `typeof ${name} === "number"`,
  integer: (name) => `Number.isInteger(${name})`,
  boolean: (name) => `typeof ${name} === "boolean"`,
  null: (name) => `${name} === null`,
};

const BOUNDS: Record<string, string> = { minimum: ">=", maximum: "<=", exclusiveMinimum: ">", exclusiveMaximum: "<" };
const SILENT = new Set(["title", "description", "default", "examples", "deprecated", "$schema", "$comment", "readOnly", "writeOnly"]);
const OF_OBJECTS = new Set(["type", "properties", "required", "additionalProperties"]);

/** Error for a schema that needs the full validation. */
class TooHard extends Error {}

class Writer {
  #count = 0;

  /** Return the statements that return false for a value that is possibly invalid. */
  write(schema: any, name: string): string {
    if (schema === true) return "";
    if (typeof schema !== "object") throw new TooHard();
    const keywords = Object.keys(schema).filter((keyword) => !SILENT.has(keyword));
    if (keywords.length === 0) return "";
    if ("const" in schema || "enum" in schema) return this.#literals(schema, keywords, name);
    if (schema.type === "object") return this.#object(schema, keywords, name);
    if (schema.type === "array") return this.#array(schema, keywords, name);
    const types: string[] = [schema.type].flat();
    if (types.some((type) => !(type in SCALARS))) throw new TooHard();
    const conditions = [types.map((type) => SCALARS[type]!(name)).join(" || ")];
    for (const keyword of keywords) {
      if (keyword === "type") continue;
      if (!(keyword in BOUNDS) || types.length > 1 || !/^(number|integer)$/.test(types[0]!)) throw new TooHard();
      conditions.push(`${name} ${BOUNDS[keyword]} ${Number(schema[keyword])}`);
    }
    return conditions.map((condition) => `if (!(${condition})) return false;\n`).join("");
  }

  #fresh(): string {
    this.#count += 1;
    return `v${this.#count}`;
  }

  #literals(schema: any, keywords: string[], name: string): string {
    const values: unknown[] = schema.enum ?? [schema.const];
    const plain = values.every((value) => value === null || ["string", "number", "boolean"].includes(typeof value));
    if (!plain || keywords.some((keyword) => !["type", "enum", "const"].includes(keyword))) throw new TooHard();
    return `if (!(${values.map((value) => `${name} === ${JSON.stringify(value)}`).join(" || ")})) return false;\n`;
  }

  #object(schema: any, keywords: string[], name: string): string {
    if (keywords.some((keyword) => !OF_OBJECTS.has(keyword))) throw new TooHard();
    const { properties = {}, required = [], additionalProperties } = schema;
    const known = Object.keys(properties);
    if (known.includes("__proto__") || required.some((member: string) => !known.includes(member))) throw new TooHard();
    let text = `if (typeof ${name} !== "object" || ${name} === null || Array.isArray(${name})) return false;\n`;
    const count = this.#fresh();
    text += `let ${count} = 0;\n`;
    for (const member of known) {
      const inner = this.#fresh();
      const body = `${count} += 1;\n${this.write(properties[member], inner)}`;
      text += `const ${inner} = ${name}[${JSON.stringify(member)}];\n`;
      text += required.includes(member) ? `if (${inner} === undefined) return false;\n${body}` : `if (${inner} !== undefined) {\n${body}}\n`;
    }
    if (additionalProperties === undefined || additionalProperties === true) return text;
    // Objects with other members, or undefined ones, need the full validation.
    if (additionalProperties === false) return `${text}for (const _ in ${name}) ${count} -= 1;\nif (${count} !== 0) return false;\n`;
    if (known.length > 0) throw new TooHard();
    const key = this.#fresh();
    const inner = this.#fresh();
    return `${text}for (const ${key} in ${name}) {\nconst ${inner} = ${name}[${key}];\n${this.write(additionalProperties, inner)}}\n`;
  }

  #array(schema: any, keywords: string[], name: string): string {
    if (keywords.some((keyword) => !["type", "items", "minItems", "maxItems"].includes(keyword))) throw new TooHard();
    let text = `if (!Array.isArray(${name})) return false;\n`;
    if (schema.minItems !== undefined) text += `if (${name}.length < ${Number(schema.minItems)}) return false;\n`;
    if (schema.maxItems !== undefined) text += `if (${name}.length > ${Number(schema.maxItems)}) return false;\n`;
    if (schema.items === undefined) return text;
    const index = this.#fresh();
    const inner = this.#fresh();
    const body = this.write(schema.items, inner);
    return `${text}for (let ${index} = 0; ${index} < ${name}.length; ${index} += 1) {\nconst ${inner} = ${name}[${index}];\n${body}}\n`;
  }
}

/** Return a function that is true only for valid values; undefined if the schema is too complex. */
export function quickly(schema: unknown): ((value: unknown) => boolean) | undefined {
  try {
    return new Function("value", `${new Writer().write(schema, "value")}return true;`) as (value: unknown) => boolean;
  } catch (error) {
    // An engine can lack `Function`.
    if (error instanceof TooHard || error instanceof EvalError) return undefined;
    throw error;
  }
}
