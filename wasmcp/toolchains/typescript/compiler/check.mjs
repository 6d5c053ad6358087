// Type check of the author's files, and derivation of schemas, names and descriptions from types and comments.

import path from "node:path";

import { Comments, describeMembers } from "./comments.mjs";
import { Schemas, Unsupported } from "./schemas.mjs";

const DECLARES = new Set(["tool", "prompt", "resource"]);

/** @returns `{ rewritten, warnings }`: path -> source with the derived schemas inserted; or `{ problems }`. */
export function check(ts, request) {
  const options = optionsFor(ts, request);
  if (options.problems !== undefined) return options;
  const host = ts.createCompilerHost(options, true);
  resolveOurs(ts, request, options, host);
  const program = ts.createProgram([request.source, ...request.ambient], options, host);
  const own = program.getSourceFiles().filter((file) => isOwn(file.fileName, request));
  const found = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
  for (const file of own) found.push(...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file));
  const errors = found.filter((one) => one.category === ts.DiagnosticCategory.Error);
  if (errors.length > 0) return { problems: errors.map((one) => messageOf(ts, one)) };
  const rewritten = new Map();
  const problems = [];
  const warnings = new Map();
  const checker = program.getTypeChecker();
  const comments = new Comments(ts, checker, (node, text) => {
    const file = node.getSourceFile();
    if (!isOwn(file.fileName, request)) return;
    const place = placeOf(file, node.getStart(file));
    warnings.set(`${place.file}:${place.line}:${text}`, { text, ...place });
  });
  for (const file of own) {
    if (file.isDeclarationFile) continue;
    const text = new Reader(ts, checker, comments, file, request, problems).rewritten();
    if (text !== file.text) rewritten.set(path.normalize(file.fileName), text);
  }
  return problems.length > 0 ? { problems } : { rewritten, warnings: [...warnings.values()] };
}

function isOwn(file, request) {
  const normal = path.normalize(file);
  const ours = normal.startsWith(request.guest) || request.ambient.includes(normal);
  return !ours && !file.includes("/node_modules/") && !/[\\/]lib\.[^\\/]*\.d\.ts$/.test(file);
}

function optionsFor(ts, request) {
  let own = { strict: true };
  if (request.tsconfig !== null) {
    const read = ts.readConfigFile(request.tsconfig, ts.sys.readFile);
    const parsed = read.error ? { errors: [read.error] } : ts.parseJsonConfigFileContent(read.config, { ...ts.sys, readDirectory: () => [] }, path.dirname(request.tsconfig));
    // TS18003, no input files: expected, because the files come from the request.
    const errors = parsed.errors.filter((one) => one.category === ts.DiagnosticCategory.Error && one.code !== 18003 && one.code !== 18002);
    if (errors.length > 0) return { problems: errors.map((one) => messageOf(ts, one)) };
    own = parsed.options;
  }
  return {
    ...own,
    noEmit: true,
    composite: false,
    incremental: false,
    declaration: false,
    target: ts.ScriptTarget.ES2024,
    lib: ["lib.es2024.d.ts", "lib.esnext.disposable.d.ts"],
    types: [],
    paths: undefined,
    baseUrl: undefined,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    esModuleInterop: true,
    skipLibCheck: true,
    allowJs: true,
    checkJs: own.checkJs ?? false,
  };
}

// Declarations of imports with `{ type: ... }`, which the bundler embeds: the type checker has none.
const EMBEDDED = { text: "embedded/text.d.ts", bytes: "embedded/bytes.d.ts" };

/** Return the value of the import attribute `type` of the declaration that a module's name stands in. */
function typeAttribute(literal) {
  const { elements = [] } = literal.parent?.attributes ?? {};
  return elements.find(({ name }) => name.text === "type")?.value.text;
}

/** Resolve `wasmcp` to the guest library, and packages to the folder where they are installed. */
function resolveOurs(ts, request, options, host) {
  const cache = ts.createModuleResolutionCache(request.root, (name) => name, options);
  const inGuest = (file, extension) => ({ resolvedModule: { resolvedFileName: path.join(request.guest, file), extension, isExternalLibraryImport: false } });
  host.resolveModuleNameLiterals = (literals, containing) =>
    literals.map((literal) => {
      const { text: name } = literal;
      const ours = request.modules[name];
      if (ours !== undefined) return inGuest(ours, ".ts");
      const embedded = EMBEDDED[typeAttribute(literal)];
      if (embedded !== undefined) return inGuest(embedded, ".d.ts");
      const bare = !name.startsWith(".") && !path.isAbsolute(name);
      const inside = containing.includes("/node_modules/");
      const from = bare && !inside && request.packages !== null ? path.join(request.packages, "index.ts") : containing;
      return ts.resolveModuleName(name, from, options, host, cache);
    });
}

function messageOf(ts, one) {
  const text = ts.flattenDiagnosticMessageText(one.messageText, "\n");
  if (one.file === undefined) return { text: `TS${one.code}: ${text}`, file: null, line: 0, column: 0, source: "" };
  return { text: `TS${one.code}: ${text}`, ...placeOf(one.file, one.start) };
}

function placeOf(file, position) {
  const { line, character } = file.getLineAndCharacterOfPosition(position);
  return { file: path.normalize(file.fileName), line: line + 1, column: character + 1, source: file.text.split(/\r?\n/)[line] };
}

/** Reader of one file of the author. */
class Reader {
  constructor(ts, checker, comments, file, request, problems) {
    Object.assign(this, { ts, checker, comments, file, request, problems });
    this.insertions = [];
  }

  /** Return the file with the derived data as a last argument of each declaration; line numbers do not change. */
  rewritten() {
    const visit = (node) => {
      if (this.ts.isCallExpression(node)) this.call(node);
      this.ts.forEachChild(node, visit);
    };
    visit(this.file);
    let text = this.file.text;
    for (const [position, inserted] of this.insertions.reverse()) text = text.slice(0, position) + inserted + text.slice(position);
    return text;
  }

  call(node) {
    const { ts } = this;
    const declaration = this.checker.getResolvedSignature(node)?.declaration;
    if (declaration === undefined || !ts.isFunctionDeclaration(declaration) || !DECLARES.has(declaration.name?.text)) return;
    if (!path.normalize(declaration.getSourceFile().fileName).startsWith(this.request.guest)) return;
    const kind = declaration.name.text;
    const first = node.arguments[0];
    if (first === undefined) return;
    const type = this.checker.getTypeAtLocation(first);
    const at = type.getCallSignatures().length > 0 ? 0 : type.flags & ts.TypeFlags.StringLike ? 2 : 1;
    const handler = node.arguments[at];
    if (handler === undefined || node.arguments.length !== at + 1) return;
    const has = (name) => at === 1 && type.getProperty(name) !== undefined;
    const { params = [], returns, ...described } = this.names(node, handler, kind);
    const signature = this.checker.getTypeAtLocation(handler).getCallSignatures()[0];
    if (signature === undefined) return;
    const label = `${kind} \`${this.nameOf(first, at, described)}\``;
    if (!has("input")) described.input = this.input(signature, handler, label);
    if (kind === "tool" && !has("output")) described.output = this.output(signature, handler, label);
    this.document(node, described, signature, params, returns);
    const written = JSON.stringify(described).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
    // After the last argument, even if a comma follows it.
    if (written !== "{}") this.insertions.push([handler.getEnd(), `, ${written} as never`]);
  }

  nameOf(first, at, described) {
    const { ts } = this;
    if (at === 2 && ts.isStringLiteralLike(first)) return first.text;
    if (ts.isObjectLiteralExpression(first)) {
      const named = first.properties.find((one) => ts.isPropertyAssignment(one) && ["name", "uri"].includes(one.name.getText()));
      if (named !== undefined && ts.isStringLiteralLike(named.initializer)) return named.initializer.text;
    }
    return described.name ?? "?";
  }

  /** Return the name and the comment of a declaration, if the surrounding code has them. */
  names(node, handler, kind) {
    const { ts, checker } = this;
    const found = {};
    const holders = [];
    if (ts.isIdentifier(handler)) holders.push(checker.getSymbolAtLocation(handler));
    if (ts.isVariableDeclaration(node.parent) && ts.isIdentifier(node.parent.name)) holders.push(checker.getSymbolAtLocation(node.parent.name));
    for (const symbol of holders) {
      if (symbol === undefined) continue;
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      found.name ??= target.getName();
      const { description, params, returns } = this.comments.declaration(target, kind);
      if (description !== undefined) found.description ??= description;
      if (params.length > 0) found.params ??= params;
      if (returns !== undefined) found.returns ??= returns;
    }
    return found;
  }

  /** Put the texts of `@param` and `@returns` into the schemas, or else into the description. */
  document(node, described, signature, params, returns) {
    const { ts } = this;
    const [first, ...others] = signature.getParameters().map((one) => one.valueDeclaration);
    const nameOf = (one) => (one !== undefined && ts.isIdentifier(one.name) ? one.name.text : undefined);
    const own = params.filter(([name]) => !others.some((other) => nameOf(other) === name));
    const texts = [];
    for (const [name, text] of describeMembers(described.input ?? {}, own, nameOf(first))) {
      if (text !== "") texts.push(`${name}: ${text}`);
      this.comments.warn(node, `\`@param ${name}\` names no argument`);
    }
    if (returns !== undefined && returns !== "") {
      if (described.output !== undefined && described.output.description === undefined) described.output.description = returns;
      else texts.push(`Returns: ${returns}`);
    }
    if (texts.length > 0) described.description = [described.description, ...texts].filter((text) => text !== undefined).join("\n\n");
  }

  input(signature, handler, label) {
    const { ts } = this;
    const parameter = signature.getParameters()[0];
    if (parameter === undefined) return undefined;
    const declared = parameter.valueDeclaration;
    const type = this.checker.getTypeOfSymbolAtLocation(parameter, handler);
    const name = declared !== undefined && ts.isIdentifier(declared.name) ? declared.name.text : "the first parameter";
    const where = declared ?? handler;
    if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) {
      if (/^_/.test(name)) return { type: "object", additionalProperties: false };
      this.refuse(where, `${label}: the type of \`${name}\` is not specific: name one, such as \`{ text: string }\`, or give \`input\``);
      return undefined;
    }
    const found = this.schema(type, where, label, name, true);
    if (found !== undefined && found.type !== "object") {
      this.refuse(where, `${label}: \`${name}\` must be an object, whose members are the arguments, not \`${this.checker.typeToString(type)}\``);
      return undefined;
    }
    return found;
  }

  output(signature, handler, label) {
    const { ts, checker } = this;
    const promised = signature.getReturnType();
    const type = checker.getAwaitedType(promised) ?? promised;
    if (this.isLoose(type)) return undefined;
    const annotated = signature.declaration?.type !== undefined && ts.isFunctionLike(signature.declaration);
    return this.schema(type, signature.declaration?.type ?? handler, label, "what it returns", false, annotated);
  }

  /** Return whether a type has no output schema: content blocks, results, `void`, `any`. */
  isLoose(type) {
    const { TypeFlags: Flags } = this.ts;
    if (type.isUnion()) return type.types.some((part) => this.isLoose(part));
    if (type.flags & (Flags.Any | Flags.Unknown | Flags.Void | Flags.Undefined | Flags.Never | Flags.Null)) return true;
    if (this.checker.isArrayType(type)) return this.checker.getTypeArguments(type).some((part) => this.isBlock(part));
    return this.isBlock(type);
  }

  isBlock(type) {
    if (type.isUnion()) return type.types.some((part) => this.isBlock(part));
    const file = type.symbol?.valueDeclaration?.getSourceFile().fileName;
    return file !== undefined && path.normalize(file).startsWith(this.request.guest) && /^(Block|Result|InputRequired)$/.test(type.symbol.name);
  }

  schema(type, node, label, name, closed, strict = true) {
    try {
      return new Schemas(this.ts, this.checker, this.comments, closed).schema(type, node, "");
    } catch (error) {
      if (!(error instanceof Unsupported)) throw error;
      if (strict) {
        const place = error.path === "" ? `\`${name}\`` : `\`${error.path}\` of \`${name}\``;
        this.refuse(node, `${label}: ${place}: \`${error.type}\` has no JSON Schema: ${error.message}`);
      }
      return undefined;
    }
  }

  refuse(node, text) {
    this.problems.push({ text, ...placeOf(this.file, node.getStart(this.file)) });
  }
}
