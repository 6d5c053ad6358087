// Conversion of TypeScript types to JSON Schema 2020-12.

import { BadTag } from "./comments.mjs";

/** Error for a type that has no JSON Schema; `path` is the path of members to it. */
export class Unsupported extends Error {
  constructor(path, type, reason) {
    super(reason);
    this.path = path;
    this.type = type;
  }
}

// `ts.SymbolFlags`: classes, interfaces and aliases, which can have their own comment.
const NAMED = 32 | 64 | 524288;

const NO_JSON = {
  Date: "take a string (`@format date-time`) and convert it",
  Map: "take a `Record`",
  Set: "take an array",
  Promise: "await it",
  RegExp: "take a string",
  Function: "JSON has no functions",
};

/** Converter of the types of one program. */
export class Schemas {
  #ts;
  #checker;
  #comments;
  #closed;
  #stack = [];
  #recursive = new Map();
  #definitions = {};

  /** @param closed True if schemas of objects forbid additional members: for values that are validated. */
  constructor(ts, checker, comments, closed) {
    this.#ts = ts;
    this.#checker = checker;
    this.#comments = comments;
    this.#closed = closed;
  }

  /** Return the schema of a type. Throws `Unsupported`. */
  schema(type, node, path) {
    const made = this.#convert(type, node, path);
    const found = typeof made.$ref === "string" ? { ...this.#definitions[made.$ref.slice("#/$defs/".length)] } : made;
    return Object.keys(this.#definitions).length > 0 ? { ...found, $defs: this.#definitions } : found;
  }

  #convert(type, node, path) {
    const { TypeFlags: Flags } = this.#ts;
    const flags = type.flags;
    if (flags & (Flags.Any | Flags.Unknown)) return {};
    if (flags & Flags.Null) return { type: "null" };
    if (flags & Flags.BooleanLike && !(flags & Flags.Union)) {
      return flags & Flags.BooleanLiteral ? { const: this.#text(type) === "true" } : { type: "boolean" };
    }
    if (flags & (Flags.StringLiteral | Flags.NumberLiteral)) return { const: type.value };
    if (flags & Flags.StringLike) return { type: "string" };
    if (flags & Flags.NumberLike && !(flags & Flags.Union)) return { type: "number" };
    if (flags & Flags.BigIntLike) throw new Unsupported(path, this.#text(type), "JSON has no `bigint`: take a string or a number");
    if (type.isUnion()) return this.#union(type, node, path);
    if (type.isTypeParameter?.()) {
      const constraint = type.getConstraint();
      if (constraint !== undefined) return this.#convert(constraint, node, path);
      throw new Unsupported(path, this.#text(type), "it can be anything: name a type");
    }
    if (type.isIntersection()) {
      // A branded primitive: the object part exists only for the type checker.
      const plain = type.types.find((part) => part.flags & (Flags.StringLike | Flags.NumberLike | Flags.BooleanLike));
      if (plain !== undefined) return this.#convert(plain, node, path);
    }
    if (flags & (Flags.Object | Flags.Intersection)) return this.#object(type, node, path);
    throw new Unsupported(path, this.#text(type), "it has no form in JSON");
  }

  #text(type) {
    return this.#checker.typeToString(type);
  }

  #union(type, node, path) {
    const { TypeFlags: Flags } = this.#ts;
    const parts = type.types.filter((part) => !(part.flags & (Flags.Undefined | Flags.Void)));
    const literals = parts.filter((part) => part.flags & (Flags.StringLiteral | Flags.NumberLiteral)).map((part) => part.value);
    const truths = parts.filter((part) => part.flags & Flags.BooleanLiteral);
    const others = parts.filter((part) => !(part.flags & (Flags.StringLiteral | Flags.NumberLiteral | Flags.BooleanLiteral)));
    const options = [];
    if (literals.length > 0) {
      const kinds = new Set(literals.map((value) => typeof value));
      options.push(literals.length === 1 ? { const: literals[0] } : { ...(kinds.size === 1 ? { type: [...kinds][0] } : {}), enum: literals });
    }
    if (truths.length === 2) options.push({ type: "boolean" });
    else if (truths.length === 1) options.push({ const: this.#text(truths[0]) === "true" });
    for (const part of others) options.push(this.#convert(part, node, path));
    if (options.length === 1) return options[0];
    const plain = options.every((option) => Object.keys(option).length === 1 && typeof option.type === "string");
    return plain ? { type: options.map((option) => option.type) } : { anyOf: options };
  }

  #object(type, node, path) {
    const checker = this.#checker;
    const name = type.symbol?.name;
    if (checker.isTupleType(type)) return this.#tuple(type, node, path);
    if (checker.isArrayType(type)) {
      return { type: "array", items: this.#convert(checker.getTypeArguments(type)[0], node, `${path}[]`) };
    }
    if (type.getCallSignatures().length > 0) throw new Unsupported(path, this.#text(type), "JSON has no functions");
    if (name !== undefined && this.#isStandard(type)) {
      if (name in NO_JSON) throw new Unsupported(path, this.#text(type), NO_JSON[name]);
      if (/^(Big)?(Ui|I)nt\d+(Clamped)?Array$|^Float\d+Array$|^ArrayBuffer$|^DataView$/.test(name)) {
        throw new Unsupported(path, this.#text(type), "JSON has no bytes: take a string in base64");
      }
    }
    const known = this.#stack.find((one) => one.type === type);
    if (known !== undefined) {
      if (!this.#recursive.has(type)) this.#recursive.set(type, this.#definitionName(type));
      return { $ref: `#/$defs/${this.#recursive.get(type)}` };
    }
    if (this.#stack.length > 32) throw new Unsupported(path, this.#text(type), "it is nested too deeply");
    this.#stack.push({ type });
    const named = type.aliasSymbol ?? type.symbol;
    const documented = named !== undefined && (named.flags & NAMED) !== 0 && !this.#isStandard(type) ? this.#documented(named, path) : {};
    const made = { ...this.#members(type, node, path), ...documented };
    this.#stack.pop();
    const definition = this.#recursive.get(type);
    if (definition === undefined) return made;
    this.#definitions[definition] = made;
    return { $ref: `#/$defs/${definition}` };
  }

  #definitionName(type) {
    const name = (type.aliasSymbol ?? type.symbol)?.name ?? "";
    const base = /^[A-Za-z]\w*$/.test(name) ? name : "Type";
    const taken = new Set(this.#recursive.values());
    let found = base;
    for (let count = 2; taken.has(found); count += 1) found = `${base}${count}`;
    return found;
  }

  /** Return whether a type is a built-in type of the language. */
  #isStandard(type) {
    return (type.symbol?.declarations ?? []).some((one) => /[\\/]lib\.[^\\/]*\.d\.ts$|globals\.d\.ts$/.test(one.getSourceFile().fileName));
  }

  #tuple(type, node, path) {
    const { elementFlags } = type.target;
    const { ElementFlags } = this.#ts;
    const parts = this.#checker.getTypeArguments(type).map((part, at) => this.#convert(part, node, `${path}[${at}]`));
    const fixed = parts.filter((_, at) => !(elementFlags[at] & ElementFlags.Rest));
    const rest = parts.find((_, at) => elementFlags[at] & ElementFlags.Rest);
    const least = elementFlags.filter((flag) => flag & ElementFlags.Required).length;
    return { type: "array", prefixItems: fixed, minItems: least, ...(rest === undefined ? { items: false } : { items: rest }) };
  }

  #members(type, node, path) {
    const ts = this.#ts;
    const checker = this.#checker;
    const properties = {};
    const required = [];
    for (const symbol of checker.getPropertiesOfType(type)) {
      const name = symbol.getName();
      if (name.startsWith("__@")) continue; // a member named by a symbol
      const inner = path === "" ? name : `${path}.${name}`;
      const declared = checker.getTypeOfSymbolAtLocation(symbol, symbol.valueDeclaration ?? node);
      const left = Boolean(symbol.flags & ts.SymbolFlags.Optional);
      const converted = this.#convert(left ? this.#present(declared) : declared, node, inner);
      properties[name] = { ...this.#aliased(symbol.valueDeclaration?.type, converted, inner), ...this.#documented(symbol, inner) };
      if (!left && !this.#maybeUndefined(declared)) required.push(name);
    }
    const index = checker.getIndexInfoOfType(type, ts.IndexKind.String);
    const others = index === undefined ? undefined : this.#convert(index.type, node, `${path}[...]`);
    return {
      type: "object",
      ...(Object.keys(properties).length > 0 ? { properties } : {}),
      ...(required.length > 0 ? { required } : {}),
      ...(others !== undefined ? { additionalProperties: others } : this.#closed ? { additionalProperties: false } : {}),
    };
  }

  #present(type) {
    return this.#checker.getNonNullableType(type) === type || !type.isUnion() ? type : this.#withoutUndefined(type);
  }

  #withoutUndefined(type) {
    const { Undefined } = this.#ts.TypeFlags;
    const left = type.types.filter((part) => !(part.flags & Undefined));
    return left.length === 1 ? left[0] : type;
  }

  #maybeUndefined(type) {
    const { Undefined } = this.#ts.TypeFlags;
    return Boolean(type.flags & Undefined) || (type.isUnion() && type.types.some((part) => part.flags & Undefined));
  }

  /** Return a schema with the description from the comment of the named type of a member, or of its items. */
  #aliased(node, schema, path) {
    const ts = this.#ts;
    if (node === undefined) return schema;
    if (ts.isArrayTypeNode(node) && schema.items !== undefined) return { ...schema, items: this.#aliased(node.elementType, schema.items, `${path}[]`) };
    if (!ts.isTypeReferenceNode(node)) return schema;
    let symbol = this.#checker.getSymbolAtLocation(node.typeName);
    if (symbol !== undefined && symbol.flags & ts.SymbolFlags.Alias) symbol = this.#checker.getAliasedSymbol(symbol);
    // The comment of an object type is read together with the object.
    if (symbol === undefined || !(symbol.flags & ts.SymbolFlags.TypeAlias) || "properties" in schema || "$ref" in schema) return schema;
    if (/[\\/]lib\.[^\\/]*\.d\.ts$/.test(symbol.declarations?.[0]?.getSourceFile().fileName ?? "")) return schema;
    return { ...schema, ...this.#documented(symbol, path) };
  }

  #documented(symbol, path) {
    try {
      return this.#comments.keywords(symbol);
    } catch (error) {
      if (error instanceof BadTag) throw new Unsupported(path, `@${error.tag}`, error.message);
      throw error;
    }
  }
}
