/** Conversion of values to WIT types. The engine traps on values of a wrong type, so everything is normalized here. */

import type * as wit from "wasmcp:mcp-v20260728/types@0.1.0";

import { Block, type Annotations, type Cache, type Icon, type Meta, type Result } from "./content.ts";
import { DeclarationError, McpError } from "./errors.ts";
import { INTERNAL_ERROR } from "./protocol.ts";
import { count } from "./runtime/numbers.ts";
import type { Required } from "./requests.ts";
import { sendableUri } from "./uris.ts";

/** Convert to valid Unicode: a lone surrogate becomes U+FFFD. */
export function sendable(text: unknown): string {
  return String(text).toWellFormed();
}

/** Convert an optional text. */
export function optional(text: string | null | undefined): string | undefined {
  return text === null || text === undefined ? undefined : sendable(text);
}

/** Serialize a value as JSON. Throws a `TypeError` if it has no JSON form. */
export function json(value: unknown): string {
  const found = plainly(value);
  // Values without a JSON form produce one of these, or have thrown.
  return found !== undefined && !found.includes("null") && !found.includes("{}") ? found : carefully(value);
}

function plainly(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function carefully(value: unknown): string {
  const found = JSON.stringify(value, (_, item) => {
    if (typeof item === "bigint") {
      if (Number.isSafeInteger(Number(item))) return Number(item);
      throw new TypeError(`${item} is too large for a JSON number without loss of digits: send it as a string`);
    }
    if (typeof item === "number" && !Number.isFinite(item)) throw new TypeError(`${item} has no form in JSON`);
    if (item instanceof Map) return Object.fromEntries(item);
    if (item instanceof Set) return [...item];
    return item;
  });
  if (found === undefined) throw new TypeError(`a ${typeof value} has no form in JSON`);
  return found;
}

/** Convert an optional `_meta`, with tags and scopes, which filters and policies of a server read. */
export function metaOf(meta: Meta | undefined, tags: string[] = [], scopes: string[] = []): string | undefined {
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string" && tag !== "")) {
    throw new DeclarationError("`tags` must be an array of strings that are not empty");
  }
  if (!Array.isArray(scopes) || !scopes.every((scope) => typeof scope === "string" && /^[!#-[\]-~]+$/.test(scope))) {
    throw new DeclarationError(
      "`scopes` must be an array of scopes of OAuth, which are visible ASCII characters without space, quote and " +
        "backslash",
    );
  }
  const whole = {
    ...meta,
    ...(tags.length > 0 && { "wasmcp/tags": [...new Set(tags)] }),
    ...(scopes.length > 0 && { "wasmcp/scopes": [...new Set(scopes)] }),
  };
  return meta === undefined && tags.length + scopes.length === 0 ? undefined : json(whole);
}

export function annotationsOf(value: Annotations | undefined): wit.Annotations | undefined {
  if (value === undefined) return undefined;
  return {
    audience: [...(value.audience ?? [])].map((role) => oneOf(role, ["user", "assistant"])),
    priority: value.priority === undefined ? undefined : Number(value.priority),
    lastModified: optional(value.lastModified),
  };
}

/** Convert a member of an enum. Throws a `TypeError` for other values. */
export function oneOf<T extends string>(value: T, known: readonly T[]): T {
  if (!known.includes(value)) throw new TypeError(`expected one of ${known.join(", ")}, got ${String(value)}`);
  return value;
}

export function iconOf(icon: Icon): wit.Icon {
  return {
    src: sendable(icon.src),
    mimeType: optional(icon.mimeType),
    sizes: [...(icon.sizes ?? [])].map(sendable),
    theme: icon.theme === undefined ? undefined : oneOf<"light" | "dark">(icon.theme, ["light", "dark"]),
  };
}

function bytes(data: Uint8Array): Uint8Array {
  if (!(data instanceof Uint8Array)) throw new TypeError(`expected a Uint8Array, got ${typeof data}`);
  // Copy: the engine reads the whole buffer of a view.
  return data.constructor === Uint8Array && data.byteLength === data.buffer.byteLength ? data : Uint8Array.from(data);
}

/** Convert a content block. */
export function blockOf(block: Block | string): wit.Content {
  if (typeof block === "string") return { tag: "text", val: { text: sendable(block), annotations: undefined, meta: undefined } };
  if (!(block instanceof Block)) throw new TypeError("expected a content block or a string");
  const { value } = block;
  const annotations = annotationsOf(block.options.annotations);
  const meta = metaOf(block.options.meta);
  switch (value.kind) {
    case "text":
      return { tag: "text", val: { text: sendable(value.text), annotations, meta } };
    case "image":
    case "audio":
      return { tag: value.kind, val: { data: bytes(value.data), mimeType: sendable(value.mimeType), annotations, meta } };
    case "link": {
      const { title, description, mimeType, size, icons } = value.options;
      return {
        tag: "resource-link",
        val: {
          uri: sendableUri(value.uri),
          name: sendable(value.name),
          title: optional(title),
          description: optional(description),
          mimeType: optional(mimeType),
          size: sizeOf(size),
          icons: (icons ?? []).map(iconOf),
          annotations,
          meta,
        },
      };
    }
    case "resource":
      return {
        tag: "embedded-resource",
        val: { contents: contentsOf(sendableUri(value.uri), value.data, value.mimeType, undefined), annotations, meta },
      };
  }
}

/** Convert an optional number of bytes. */
export function sizeOf(size: number | undefined): any {
  if (size === undefined) return undefined;
  if (!Number.isSafeInteger(size) || size < 0) throw new TypeError(`a size is a whole number of bytes, not ${size}`);
  return count(size);
}

/** Convert the contents of a resource. */
export function contentsOf(
  uri: string,
  data: string | Uint8Array,
  mimeType: string | undefined,
  meta: Meta | undefined,
): wit.ResourceContents {
  const held: wit.ResourceData =
    typeof data === "string" ? { tag: "text", val: sendable(data) } : { tag: "blob", val: bytes(data) };
  return { uri: sendable(uri), mimeType: optional(mimeType), data: held, meta: metaOf(meta) };
}

/** Convert the result of a tool. */
export function resultOf(found: Result): wit.ToolResult {
  const { content, structured, isError, meta } = found.parts;
  return {
    content: (content ?? []).map(blockOf),
    structuredContent: structured === undefined ? undefined : json(structured),
    isError: isError ?? false,
    meta: metaOf(meta),
    extra: undefined,
  };
}

/** Convert an `InputRequired` result. */
export function requiredOf(required: Required): wit.InputRequired {
  return {
    requests: required.requests.map(([key, method, params]) => ({ key: sendable(key), method: sendable(method), params })),
    state: required.state === undefined ? undefined : bytes(required.state),
  };
}

/** Convert a cache hint. */
export function cacheOf(cache: Cache | undefined): wit.CacheHint | undefined {
  if (cache === undefined) return undefined;
  return { ttlMs: count(Math.round(cache.seconds * 1000)), scope: cache.scope ?? "private" };
}

/** Convert a JSON-RPC error. Data without a JSON form is omitted. */
export function refused(error: McpError): wit.Error {
  let data: string | undefined;
  try {
    data = error.data === undefined ? undefined : json(error.data);
  } catch {
    data = undefined;
  }
  const code = Number.isInteger(error.code) && Math.abs(error.code) < 2 ** 31 ? error.code : INTERNAL_ERROR;
  return { code, message: sendable(error.message), data };
}
