// Bundling with esbuild: the author's modules, the guest library and their imports -> one script.

import { builtinModules } from "node:module";
import path from "node:path";

const BUILTINS = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)]);

// Async functions become generators over the global `Promise`, which the guest library replaces: see guests/typescript/runtime/promise.ts.
const OURS_TO_WAIT = { "async-await": false, "async-generator": false, "for-await": false };

/**
 * @param esbuild The module.
 * @param request The request from Python; see toolchain.py.
 * @param rewritten Path -> source, of the author's files that the type checker has rewritten.
 * @returns `{ script, files }` or `{ problems }`.
 */
export async function bundle(esbuild, request, rewritten) {
  const guest = (file) => path.join(request.guest, file);
  const entry = [
    `import ${JSON.stringify(guest("runtime/globals.ts"))};`,
    ...request.preludes.map((file) => `import ${JSON.stringify(guest(file))};`),
    `import ${JSON.stringify(request.source)};`,
    `import { checkAll, scripted } from ${JSON.stringify(guest("scripted.ts"))};`,
    `import { drain } from ${JSON.stringify(guest("runtime/promise.ts"))};`,
    "drain();",
    "checkAll();",
    "export { scripted };",
  ].join("\n");
  try {
    const built = await esbuild.build({
      stdin: { contents: entry, resolveDir: request.root, sourcefile: "wasmcp-entry.ts", loader: "ts" },
      absWorkingDir: request.root,
      bundle: true,
      write: false,
      outfile: "script.js",
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["import", "module", "default"],
      target: "es2024",
      supported: OURS_TO_WAIT,
      charset: "utf8",
      legalComments: "none",
      // Identifiers are kept for stack traces; only the syntax is minified.
      minifySyntax: true,
      minifyWhitespace: false,
      keepNames: false,
      treeShaking: true,
      metafile: true,
      sourcemap: "external",
      sourcesContent: false,
      logLevel: "silent",
      define: { WASMCP_BIGINT: String(request.engine === "starlingmonkey"), WASMCP_DYNAMIC: String(request.dynamic), "process.env.NODE_ENV": '"production"' },
      external: ["wasmcp:*"],
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: false } },
      plugins: [resolver(request, guest), loader(rewritten)],
    });
    const output = (suffix) => built.outputFiles.find((file) => file.path.endsWith(suffix)).text;
    const externals = Object.values(built.metafile.outputs).flatMap((one) => one.imports.filter((item) => item.external).map((item) => item.path));
    const files = Object.keys(built.metafile.inputs).map((file) => path.resolve(request.root, file.replace(/^[a-z]+:/, "")));
    const script = withoutPaths(output(".js"), Object.keys(built.metafile.inputs), request);
    return { script, map: JSON.parse(output(".map")), files, externals, warnings: built.warnings.map((one) => messageOf(one, request)) };
  } catch (failure) {
    if (!Array.isArray(failure.errors)) throw failure;
    return { problems: failure.errors.map((one) => messageOf(one, request)) };
  }
}

/**
 * Replace the paths of the guest library and of packages, which are those of this machine. esbuild names modules by the
 * path from the project: in comments, and as the keys of modules that are initialised later. Lines stay where they are.
 */
function withoutPaths(script, inputs, request) {
  const labels = new Map();
  const folders = [["wasmcp:", request.guest], ["", request.packages]];
  for (const input of inputs) {
    const file = path.resolve(request.root, input);
    const [prefix, folder] = folders.find(([, one]) => one !== null && file.startsWith(one + path.sep)) ?? [];
    if (folder !== undefined) labels.set(input, prefix + path.relative(folder, file).split(path.sep).join("/"));
  }
  return script.replace(/^( *(?:\/\/ |"))([^"\n]+?)((?:"\(.*)?)$/gm, (line, before, name, after) => {
    const label = labels.get(name);
    return label === undefined ? line : before + label + after;
  });
}

/** Resolve `wasmcp` to the guest library, and packages to the folder where they are installed. */
function resolver(request, guest) {
  return {
    name: "wasmcp-modules",
    setup(build) {
      build.onResolve({ filter: /^wasmcp(\/.*)?$/ }, ({ path: name }) => {
        const file = request.modules[name];
        if (file !== undefined) return { path: guest(file) };
        return { errors: [{ text: `wasmcp has no module "${name}"; it has ${Object.keys(request.modules).join(", ")}` }] };
      });
      build.onResolve({ filter: /^wasi:/ }, ({ path: name }) => ({ path: name.replace("wasi", request.namespace), external: true }));
      build.onResolve({ filter: /^[^./]/ }, async (given) => {
        if (given.pluginData === "again" || /^(wasi|wasmcp):/.test(given.path) || path.isAbsolute(given.path)) return undefined;
        if (given.importer.startsWith(request.guest) || BUILTINS.has(given.path)) return undefined;
        const inside = request.packages !== null && given.importer.startsWith(request.packages);
        if (request.packages === null || inside) return undefined;
        const { importer, kind, with: attributes } = given;
        return build.resolve(given.path, { resolveDir: request.packages, importer, kind, with: attributes, pluginData: "again" });
      });
    },
  };
}

/** Load the rewritten text of the author's files. */
function loader(rewritten) {
  return {
    name: "wasmcp-types",
    setup(build) {
      build.onLoad({ filter: /\.[cm]?tsx?$/ }, ({ path: file, with: attributes }) => {
        const contents = "type" in attributes ? undefined : rewritten.get(file);  // embedded unchanged
        return contents === undefined ? undefined : { contents, loader: file.endsWith("x") ? "tsx" : "ts" };
      });
    },
  };
}

/** Convert a message of esbuild to the form that Python reads. */
function messageOf({ text, location, notes = [] }, request) {
  const missing = /^Could not resolve "([^"]*)"/.exec(text)?.[1];
  const file = location === null ? null : path.resolve(request.root, location.file);
  return {
    text,
    file,
    line: location?.line ?? 0,
    column: (location?.column ?? 0) + 1,
    source: location?.lineText ?? "",
    module: missing ?? null,
    builtin: missing !== undefined && BUILTINS.has(missing),
    package: file === null ? null : packageOf(file),
    notes: notes.map((note) => note.text),
  };
}

/** Return the npm package of a file. */
function packageOf(file) {
  const at = file.lastIndexOf(`${path.sep}node_modules${path.sep}`);
  if (at < 0) return null;
  const [first, second] = file.slice(at + 14).split(path.sep);
  return first.startsWith("@") ? `${first}/${second}` : first;
}
