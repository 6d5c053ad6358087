/** Matching of URIs against URI templates (RFC 6570): extracts the values of the variables. */

import { checkUri, Normal, normalized, normalizedTemplate, unquote } from "./uris.ts";

const EXPRESSION = /\{([^{}]*)\}/g;
const VARIABLE = /^([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)(\*?)$/;

// Operator -> prefix, separator and allowed characters of values.
const STYLES: Record<string, [string, string, string]> = {
  "": ["", ",", "[^/?#,]*"],
  "+": ["", ",", "[^?#]*"],
  "#": ["#", ",", ".*"],
  ".": [".", ".", "[^./?#]*"],
  "/": ["/", "/", "[^/?#]*"],
  ";": [";", ";", "[^/?#;]*"],
};

const WAY_OUT = /^[/\\]|^[A-Za-z]:[/\\]|(?:^|[/\\])\.\.(?:[/\\]|$)|\0/;

/** Return whether a value, used as a path below a folder, leaves it: `..`, an absolute path, or NUL. */
export function leadsOut(value: string): boolean {
  return WAY_OUT.test(value);
}

export interface Variable {
  name: string;
  /** True if it has a list of values (`*`). */
  many: boolean;
  /** True if a URI can omit it. */
  optional: boolean;
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
}

/** Thrown for a URI that is not valid UTF-8: it does not match. */
class NotText extends Error {}

function decoded(text: string): string {
  const plain = unquote(text);
  if (plain === undefined) throw new NotText();
  return plain;
}

function pairs(query: string): [string, string, string][] {
  return query.split("&").filter((pair) => pair !== "").map((pair) => {
    const at = pair.indexOf("=");
    const [name, value] = at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
    return [decoded(name), decoded(value), value];
  });
}

/** URI or template such as `notes://{folder}/{id}{?q,tags*}`; throws a `TypeError` if it cannot be matched. */
export class UriTemplate {
  readonly variables = new Map<string, Variable>();
  readonly #query = new Set<string>();
  readonly #fixed: [string, string][] = [];
  readonly #groups: [Variable, string][] = [];
  readonly #pattern: RegExp;
  /** The template in normal form. */
  readonly normal: Normal;

  constructor(
    /** The author's template. */
    readonly text: string,
  ) {
    this.normal = /[{}]/.test(text) ? normalizedTemplate(text) : normalized(text);
    checkUri(text);
    this.#pattern = new RegExp(`^(?:${this.#read(this.normal.text)})$`, "s");
  }

  #read(text: string): string {
    let pattern = "";
    let position = 0;
    let inQuery = false;
    // Hosts are case-insensitive.
    const folded = this.normal.scheme.length + 1 + this.normal.authority.length;
    const literally = (part: string, position: number) => {
      const host = literal(part.slice(0, Math.max(folded - position, 0)));
      pattern += host.replace(/[A-Za-z]/g, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
      pattern += literal(part.slice(Math.max(folded - position, 0)));
    };
    const plain = (part: string) => {
      if (/[{}]/.test(part)) throw new TypeError(`\`${this.text}\` has a brace without a partner`);
      let rest = part;
      if (!inQuery) {
        const at = part.indexOf("?");
        literally(at < 0 ? part : part.slice(0, at), position);
        if (at < 0) return;
        rest = part.slice(at + 1);
        inQuery = true;
      }
      this.#fixed.push(...pairs(rest).map(([name, value]) => [name, value] as [string, string]));
    };
    for (const match of text.matchAll(EXPRESSION)) {
      plain(text.slice(position, match.index));
      position = match.index + match[0].length;
      const operator = /^[+#./;?&]/.exec(match[1]!)?.[0] ?? "";
      const names = match[1]!.slice(operator.length);
      if (operator === "?" || operator === "&") {
        inQuery = true;
        for (const variable of this.#take(names, true)) this.#query.add(variable.name);
      } else if (inQuery && operator !== "#") {
        throw new TypeError(`\`${match[0]}\`: in a query write \`{?name}\` or \`{&name}\``);
      } else pattern += this.#expression(operator, names);
    }
    plain(text.slice(position));
    return pattern;
  }

  *#take(names: string, optional: boolean): Generator<Variable> {
    for (const written of names.split(",")) {
      const match = VARIABLE.exec(written);
      if (match === null) {
        const reason = written.includes(":") ? "prefixes cannot be read back" : "it is no name of a variable";
        throw new TypeError(`\`${this.text}\`: \`${written}\`: ${reason}`);
      }
      if (this.variables.has(match[1]!)) throw new TypeError(`\`${this.text}\` has the variable \`${match[1]}\` twice`);
      const variable = { name: match[1]!, many: match[2] === "*", optional };
      this.variables.set(variable.name, variable);
      yield variable;
    }
  }

  #expression(operator: string, names: string): string {
    const [first, between, value] = STYLES[operator]!;
    let pattern = "";
    for (const variable of this.#take(names, operator === ";" || operator === "#")) {
      const before = literal(pattern === "" ? first : between);
      this.#groups.push([variable, between]);
      if (operator === ";") {
        if (variable.many) throw new TypeError(`\`{;${variable.name}*}\` cannot be read back: use \`{?${variable.name}*}\``);
        pattern += `(?:${literal(";")}${literal(variable.name)}(?:=(${value}))?)?`;
      } else if (variable.many) pattern += `${before}(${value}(?:${literal(between)}${value})*)`;
      else if (operator === "#") pattern += `(?:${before}(${value}))?`;
      else pattern += `${before}(${value})`;
    }
    return pattern;
  }

  /** Return the decoded values in a URI; undefined if it does not match. Missing variables are omitted. */
  match(uri: string): Record<string, string | string[]> | undefined {
    try {
      if (this.variables.size === 0) return normalized(uri).key === this.normal.key ? {} : undefined;
      return this.#match(normalized(uri, false).text);
    } catch (error) {
      // It has no scheme, or its percent-encoding is not UTF-8.
      if (error instanceof TypeError || error instanceof NotText) return undefined;
      throw error;
    }
  }

  #match(uri: string): Record<string, string | string[]> | undefined {
    let query = "";
    let rest = uri;
    if (this.#query.size > 0 || this.#fixed.length > 0) {
      const at = uri.indexOf("?");
      if (at >= 0) {
        const hash = uri.indexOf("#", at);
        query = uri.slice(at + 1, hash < 0 ? undefined : hash);
        rest = uri.slice(0, at) + (hash < 0 ? "" : uri.slice(hash));
      }
    }
    const matched = this.#pattern.exec(rest);
    if (matched === null) return undefined;
    const found: Record<string, string | string[]> = Object.create(null);
    for (const [index, [variable, between]] of this.#groups.entries()) {
      const value = matched[index + 1];
      if (value === undefined) continue;
      if (value === "" && !variable.optional && !variable.many) return undefined;
      found[variable.name] = variable.many ? value.split(between).map(decoded) : decoded(value);
    }
    return this.#addQuery(query, found) ? found : undefined;
  }

  #addQuery(query: string, found: Record<string, string | string[]>): boolean {
    const fixed = [...this.#fixed];
    for (const [name, value, exact] of pairs(query)) {
      const at = fixed.findIndex((pair) => pair[0] === name && pair[1] === value);
      if (at >= 0) fixed.splice(at, 1);
      else if (!this.#query.has(name)) return false;
      else if (this.variables.get(name)!.many) {
        // A list can be `a=1&a=2` or `a=1,2`.
        found[name] = [...(found[name] ?? []), ...exact.split(",").map(decoded)];
      } else if (name in found) return false;
      else found[name] = value;
    }
    return fixed.length === 0;
  }
}
