// Comments of an author's declarations: descriptions, and tags for keywords of schemas.

const NUMBERS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems"];
const TEXTS = ["pattern", "format", "title"];
const FLAGS = { uniqueItems: ["uniqueItems", true], deprecated: ["deprecated", true], integer: ["type", "integer"] };
const OPTIONS = { readonly: "readOnly", readOnly: "readOnly", destructive: "destructive", idempotent: "idempotent", openWorld: "openWorld" };
// Line comments that are directives for tools.
const FOR_PROGRAMS = /^(eslint|prettier|biome|@ts-|ts-|tslint|istanbul|c8|v8|#region|#endregion|TODO|FIXME|XXX|HACK|spell-?checker|cspell)/i;

/** Error for a tag without its required value. */
export class BadTag extends Error {
  constructor(tag, reason) {
    super(reason);
    this.tag = tag;
  }
}

/** Reader of the comments of one program; calls `warn(node, text)` for comments that clients do not get. */
export class Comments {
  #ts;
  #checker;

  constructor(ts, checker, warn) {
    this.#ts = ts;
    this.#checker = checker;
    this.warn = warn;
  }

  /** Return the text of a symbol's comment and its tags, `{ text, tags: [{ name, text }] }`. */
  of(symbol) {
    const ts = this.#ts;
    const text = ts.displayPartsToString(symbol.getDocumentationComment(this.#checker)).trim();
    const tags = symbol.getJsDocTags(this.#checker).map((tag) => ({ name: tag.name, text: ts.displayPartsToString(tag.text ?? []).trim() }));
    if (text !== "" || tags.length > 0) return { text, tags };
    for (const declaration of symbol.declarations ?? []) {
      const found = this.#beside(declaration);
      if (found !== undefined) return found;
    }
    return { text: "", tags: [] };
  }

  /** Return the keywords for a symbol's schema; the rest goes into `description`. Throws `BadTag`. */
  keywords(symbol) {
    const { text, tags } = this.of(symbol);
    const found = {};
    const texts = text === "" ? [] : [text];
    for (const tag of tags) {
      if (NUMBERS.includes(tag.name)) {
        if (tag.text === "" || !Number.isFinite(Number(tag.text))) throw new BadTag(tag.name, "a number must follow");
        found[tag.name] = Number(tag.text);
      } else if (TEXTS.includes(tag.name)) {
        if (tag.text === "") throw new BadTag(tag.name, "a text must follow");
        found[tag.name] = tag.text;
      } else if (tag.name in FLAGS) {
        const [keyword, value] = FLAGS[tag.name];
        found[keyword] = value;
        if (tag.text !== "") texts.push(inWords(tag));
      } else if (tag.name === "default" || tag.name === "defaultValue") {
        found.default = literal(tag.text);
      } else if (tag.name === "example") {
        found.examples = [...(found.examples ?? []), literal(tag.text)];
      } else if (tag.text !== "") texts.push(inWords(tag));
      else this.#warnOf(symbol, `\`@${tag.name}\` has no meaning for a client, and is left out`);
    }
    if (texts.length > 0) found.description = texts.join("\n");
    else if (tags.length === 0) this.#lineComments(symbol);
    return found;
  }

  /**
   * Return the comment of a tool, prompt or resource: `{ description, params: [[name, text]], returns }`.
   *
   * @param kind `tool`, `prompt` or `resource`.
   */
  declaration(symbol, kind) {
    const { text, tags } = this.of(symbol);
    const texts = text === "" ? [] : [text];
    const params = [];
    let returns;
    for (const tag of tags) {
      if (tag.name === "param" || tag.name === "arg" || tag.name === "argument") {
        const match = /^\[?([\w$.[\]]*?)(?:=[^\]]*)?\]?(?:\s+-?\s*([\s\S]*))?$/.exec(tag.text);
        if (match !== null && match[1] !== "") params.push([match[1], (match[2] ?? "").trim()]);
        else texts.push(inWords(tag));
      } else if (tag.name === "returns" || tag.name === "return") returns = tag.text;
      else if (tag.text !== "") texts.push(inWords(tag));
      else if (tag.name in OPTIONS && kind === "tool") {
        this.#warnOf(symbol, `\`@${tag.name}\` is not a hint for clients: set the option \`${OPTIONS[tag.name]}: true\``);
      } else if (tag.name === "deprecated") texts.push("Deprecated.");
      else this.#warnOf(symbol, `\`@${tag.name}\` has no meaning for a client, and is left out`);
    }
    return { description: texts.length > 0 ? texts.join("\n\n") : undefined, params, returns };
  }

  /** Return a comment that the compiler attaches to no declaration: on the same line, before or after it. */
  #beside(node) {
    const ts = this.#ts;
    const file = node.getSourceFile();
    const { text } = file;
    const before = text.slice(node.pos, node.getStart(file));
    const inFront = /\/\*\*(?!\/)(?:(?!\*\/)[\s\S])*\*\/[^\S\r\n]*$/.exec(before);
    if (inFront !== null) return this.#parsed(inFront[0]);
    for (const range of ts.getTrailingCommentRanges(text, node.end) ?? []) {
      const comment = text.slice(range.pos, range.end);
      // A comment followed by code on its line belongs to that code.
      if (/^\/\*\*(?!\/)/.test(comment) && /^[^\S\r\n]*(\r?\n|$|\})/.test(text.slice(range.end))) return this.#parsed(comment);
    }
    return undefined;
  }

  #parsed(comment) {
    const ts = this.#ts;
    const file = ts.createSourceFile("comment.ts", `${comment}\nlet x: any;`, ts.ScriptTarget.ES2024, true);
    const docs = file.statements[0]?.jsDoc ?? [];
    const doc = docs.at(-1);
    if (doc === undefined) return undefined;
    const words = (comment) => (ts.getTextOfJSDocComment(comment) ?? "").trim();
    const tags = (doc.tags ?? []).map((tag) => {
      const name = ts.isJSDocParameterTag(tag) || ts.isJSDocPropertyTag(tag) ? `${tag.name.getText(file)} ` : "";
      return { name: tag.tagName.text, text: `${name}${words(tag.comment)}`.trim() };
    });
    return { text: words(doc.comment), tags };
  }

  /** Warn that a line comment, `// ...`, is not read. */
  #lineComments(symbol) {
    const ts = this.#ts;
    for (const node of symbol.declarations ?? []) {
      const file = node.getSourceFile();
      const ranges = [...(ts.getLeadingCommentRanges(file.text, node.pos) ?? []), ...(ts.getTrailingCommentRanges(file.text, node.end) ?? [])];
      for (const range of ranges) {
        if (range.kind !== ts.SyntaxKind.SingleLineCommentTrivia) continue;
        const words = file.text.slice(range.pos + 2, range.end).replace(/^\/*/, "").trim();
        if (words === "" || FOR_PROGRAMS.test(words)) continue;
        this.warn(node, `\`${symbol.getName()}\`: \`// ${words}\` is not shown to clients: write \`/** ${words} */\` if it is for them`);
        return;
      }
    }
  }

  #warnOf(symbol, text) {
    const node = symbol.declarations?.[0];
    if (node !== undefined) this.warn(node, `\`${symbol.getName()}\`: ${text}`);
  }
}

const WORDS = { remarks: "", description: "", summary: "", deprecated: "Deprecated: ", example: "Example: ", see: "See: ", throws: "Throws: ", exception: "Throws: " };

function inWords({ name, text }) {
  return `${WORDS[name] ?? `${name}: `}${text}`;
}

/** Add the descriptions of `@param` tags to the members of an input schema; return those without a member. */
export function describeMembers(schema, params, parameter) {
  const unknown = [];
  for (const [name, text] of params) {
    const path = name.replaceAll("[]", "").split(".").filter((part) => part !== "");
    const [first, ...rest] = path;
    const known = first in (schema.properties ?? {});
    // The comment of a destructured parameter can use any name for it.
    const way = parameter !== undefined ? (first === parameter ? rest : path) : known || rest.length === 0 ? path : rest;
    const target = way.reduce((found, part) => found?.properties?.[part] ?? found?.items?.properties?.[part], schema);
    if (target === undefined) unknown.push([name, text]);
    else if (text !== "" && !(target.description ?? "").includes(text)) {
      target.description = target.description === undefined ? text : `${target.description}\n${text}`;
    }
  }
  return unknown;
}

function literal(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text.replace(/^(['"`])(.*)\1$/s, "$2");
  }
}
