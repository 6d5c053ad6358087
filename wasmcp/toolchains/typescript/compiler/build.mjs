// Build of one component: check the types and read schemas from them, bundle the modules, embed them in the engine.
// Reads a request as JSON from standard input, and writes the result as JSON to standard output; see toolchain.py.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { bundle } from "./bundle.mjs";
import { places } from "./places.mjs";

const request = JSON.parse(readFileSync(0, "utf8"));

/** Import an installed package, resolved as from the folder of installed packages. */
function load(folder, name) {
  const own = path.join(folder, "node_modules", name);
  const { exports, main } = JSON.parse(readFileSync(path.join(own, "package.json"), "utf8"));
  let entry = exports?.["."] ?? exports ?? main ?? "index.js";
  while (typeof entry === "object") entry = entry.import ?? entry.node ?? entry.default;
  return import(pathToFileURL(path.join(own, entry)).href);
}

async function types() {
  if (!request.typed) return { rewritten: new Map(), warnings: [] };
  const { default: ts } = await load(request.installed, "typescript");
  const { check } = await import("./check.mjs");
  return check(ts, request);
}

/** Return the label of an author's file; undefined for every other file. */
function label(file) {
  const relative = path.relative(request.root, file);
  const foreign = relative.startsWith("..") || path.isAbsolute(relative) || relative.includes("node_modules");
  return foreign || file.startsWith(request.guest) || file.endsWith("wasmcp-entry.ts") ? undefined : relative.split(path.sep).join("/");
}

// Module of a script -> the world with its imports. Other modules add no imports.
const WORLDS = {
  "wasi:http/outgoing-handler": "http-imports",
  "wasmcp:mcp-v20260728/key-value": "kv-imports",
  "wasmcp:mcp-v20260728/sessions": "sessions-imports",
  "wasmcp:mcp-v20260728/config": "config-imports",
};

/** Write the world of this script: the imports of every script, and those of its modules. */
function writeWorld(externals) {
  const names = new Set(externals.map((name) => WORLDS[name.replace(`${request.namespace}:`, "wasi:").split("@")[0]]).filter((name) => name !== undefined));
  const included = ["script", ...names].map((name) => `  include ${name};\n`).join("");
  const text = `package wasmcp:mcp-v20260728@0.1.0;\n\nworld this-script {\n${included}}\n`;
  writeFileSync(path.join(request.wit, "this-script.wit"), text);
}

async function quickjsOfThisMachine() {
  // For some platforms npm has only an older version, which cannot return requests: see package.json, `overrides`.
  process.env.NAPI_RS_ENFORCE_VERSION_CHECK = "1";
  try {
    return await load(request.engineInstalled, "componentize-qjs");
  } catch (failure) {
    throw new Unavailable(`componentize-qjs has no engine for ${process.platform} on ${process.arch}`, { cause: failure });
  }
}

class Unavailable extends Error {}

async function componentize(script) {
  const file = path.join(request.scratch, "script.js");
  writeFileSync(file, script);
  if (request.engine === "starlingmonkey") {
    const { componentize: starlingmonkey } = await load(request.engineInstalled, "@bytecodealliance/componentize-js");
    const { component } = await starlingmonkey({
      sourcePath: file,
      witPath: request.wit,
      worldName: "this-script",
      // Authors' code uses the world's imports instead, which need grants.
      disableFeatures: ["http", "fetch-event"],
    });
    return component;
  }
  const { componentize: quickjs } = await quickjsOfThisMachine();
  const { component } = await quickjs({
    witPath: request.wit,
    world: "this-script",
    jsSource: script,
    jsPath: file,
    moduleRoot: request.scratch,
    ...(request.runtime === null ? { sync: true, optSize: request.small } : { runtime: request.runtime }),
  });
  return component;
}

async function main() {
  const checked = await types();
  if (checked.problems !== undefined) return { stage: "types", problems: checked.problems };
  const { default: esbuild } = await load(request.installed, "esbuild");
  const bundled = await bundle(esbuild, request, checked.rewritten);
  if (bundled.problems !== undefined) return { stage: "bundle", problems: bundled.problems };
  writeWorld(bundled.externals);
  const found = places(bundled.map, request.root, label);
  // In the line of the first statement, so that line numbers do not change.
  const script = `globalThis.__wasmcp_places = ${JSON.stringify(found)}; ${bundled.script}`;
  try {
    writeFileSync(request.output, await componentize(script));
  } catch (failure) {
    if (failure instanceof Unavailable) return { stage: "unavailable", message: failure.message };
    return { stage: "engine", message: String(failure?.message ?? failure), places: found };
  }
  return { files: bundled.files, warnings: [...checked.warnings, ...bundled.warnings] };
}

main().then(
  (answer) => writeFileSync(1, JSON.stringify(answer)),
  (failure) => writeFileSync(1, JSON.stringify({ stage: "crash", message: String(failure?.stack ?? failure) })),
);
