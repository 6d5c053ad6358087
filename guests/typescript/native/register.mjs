// Loader for unit tests: `node --import ./.wasmcp/native/register.mjs --test`.
//
// It resolves `wasmcp` and its modules to the guest library, the interfaces of the host to fakes, and removes the types
// of TypeScript. Needs Node 22.15 or newer.

import * as module from "node:module";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

if (module.registerHooks === undefined || module.stripTypeScriptTypes === undefined) {
  throw new Error(`unit tests of wasmcp need Node 22.15 or newer; this is ${process.version}`);
}

const MODULES = {
  wasmcp: "../index.ts",
  "wasmcp/config": "../config.ts",
  "wasmcp/kv": "../kv.ts",
  "wasmcp/session": "../session.ts",
  "wasmcp/testing": "../testing.ts",
};
const HOST = /^(wasmcp:mcp-v20260728|wasi:cli|wasi:clocks|wasi:io)\/([a-z-]+)@/;
/** Expressions for the contents of files that are imported with `{ type: ... }`. */
const EMBEDDED = {
  text: (file) => JSON.stringify(readFileSync(file, "utf8").replace(/^\uFEFF/, "")),
  bytes: (file) => `new Uint8Array([${readFileSync(file).join()}])`,
};
const TYPESCRIPT = /\.[cm]?ts$/;

/** Remove types, without Node's warning that this function of it can change. */
function withoutTypes(source, sourceUrl) {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return module.stripTypeScriptTypes(source, { mode: "transform", sourceUrl, sourceMap: false });
  } finally {
    process.emitWarning = emitWarning;
  }
}

module.registerHooks({
  resolve(name, context, next) {
    const own = MODULES[name] ?? (HOST.test(name) ? "./host.ts" : undefined);
    if (own !== undefined) return { url: new URL(own, import.meta.url).href, format: "module", shortCircuit: true };
    if (name === "wasmcp" || name.startsWith("wasmcp/")) {
      throw new Error(`wasmcp has no module "${name}"; it has ${Object.keys(MODULES).join(", ")}`);
    }
    return next(name, context);
  },
  load(url, context, next) {
    const path = new URL(url).pathname;
    const embed = url.startsWith("file:") ? EMBEDDED[context.importAttributes?.type] : undefined;
    if (embed !== undefined) return { format: "module", source: `export default ${embed(fileURLToPath(url))};`, shortCircuit: true };
    if (!url.startsWith("file:") || !TYPESCRIPT.test(path) || path.includes("/node_modules/")) return next(url, context);
    const source = withoutTypes(readFileSync(fileURLToPath(url), "utf8"), url);
    return { format: "module", source, shortCircuit: true };
  },
});

globalThis.WASMCP_BIGINT = false;
const { isolate } = await import("./host.ts");
isolate();
