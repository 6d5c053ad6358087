/** URI templates (RFC 6570), read backwards: the values of the variables from a URI. */

const EXPRESSION = /\{([^{}]*)\}/g;
const VARIABLE = /^([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)(\*?)$/;

// Operator -> what stands before the first value, between values, and what a value is made of.
const STYLES: Record<string, [string, string, string]> = {
  "": ["", ",", "[^/?#,]*"],
  "+": ["", ",", "[^?#]*"],
  "#": ["#", ",", ".*"],
  ".": [".", ".", "[^./?#]*"],
  "/": ["/", "/", "[^/?#]*"],
  ";": [";", ";", "[^/?#;]*"],
};

export interface Variable {
  name: string;
  /** Whether it has a list of values (`*`). */
  many: boolean;
  /** Whether a URI may do without it. */
  optional: boolean;
}

function unquote(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => new TextDecoder().decode(Uint8Array.from(run.slice(1).split("%").map((pair) => Number.parseInt(pair, 16)))));
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
}

function pairs(query: string): [string, string, string][] {
  return query.split("&").filter((pair) => pair !== "").map((pair) => {
    const at = pair.indexOf("=");
    const [name, value] = at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
    return [unquote(name), unquote(value), value];
  });
}

/** A template such as `notes://{folder}/{id}{?q,tags*}`; throws a `TypeError` for what cannot be read backwards. */
export class UriTemplate {
  readonly variables = new Map<string, Variable>();
  readonly #query = new Set<string>();
  readonly #fixed: [string, string][] = [];
  readonly #groups: [Variable, string][] = [];
  readonly #pattern: RegExp;

  constructor(readonly text: string) {
    if (!/^[A-Za-z][A-Za-z0-9+.-]*:/.test(text)) throw new TypeError(`\`${text}\` must begin with a scheme, such as \`notes://\``);
    let pattern = "";
    let position = 0;
    let inQuery = false;
    const plain = (part: string) => {
      if (/[{}]/.test(part)) throw new TypeError(`\`${text}\` has a brace without a partner`);
      let rest = part;
      if (!inQuery) {
        const at = part.indexOf("?");
        pattern += literal(at < 0 ? part : part.slice(0, at));
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
    this.#pattern = new RegExp(`^(?:${pattern})$`, "s");
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

  /** The values in a URI, decoded; undefined when the template does not make it. A variable that is not there is left out. */
  match(uri: string): Record<string, string | string[]> | undefined {
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
      found[variable.name] = variable.many ? value.split(between).map(unquote) : unquote(value);
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
        // `a=1&a=2` as well as `a=1,2`: a list is written either way.
        found[name] = [...(found[name] ?? []), ...exact.split(",").map(unquote)];
      } else if (name in found) return false;
      else found[name] = value;
    }
    return fixed.length === 0;
  }
}
