/** Return values of tools other than plain values: content blocks and results. Bytes are raw, not base64. */

import type { ELICITATION, ROOTS, SAMPLING } from "./protocol.ts";

/** Author of a message, or audience of a block. */
export type Role = "user" | "assistant";

/** Annotations of a block. Specification: schema `Annotations`. */
export interface Annotations {
  audience?: Role[];
  /** 0 (entirely optional) to 1 (required). */
  priority?: number;
  /** The date and time of the last modification, with an offset: `2026-01-02T03:04:05Z`. ISO 8601. */
  lastModified?: string;
}

/** Icon. Specification: schema `Icon`. */
export interface Icon {
  /** An `https:` or `data:` URI. */
  src: string;
  mimeType?: string;
  /** Sizes such as `48x48`, or `any`. */
  sizes?: string[];
  theme?: "light" | "dark";
}

/** `_meta`. */
export type Meta = Record<string, unknown>;

/** Common options of all blocks. */
export interface BlockOptions {
  annotations?: Annotations;
  meta?: Meta;
}

/** Options of a resource link. */
export interface LinkOptions extends BlockOptions {
  title?: string;
  description?: string;
  mimeType?: string;
  /** Size in bytes. */
  size?: number;
  icons?: Icon[];
}

/** Content of a `Block`. */
export type BlockValue =
  | { kind: "text"; text: string }
  | { kind: "image" | "audio"; data: Uint8Array; mimeType: string }
  | { kind: "link"; uri: string; name: string; options: LinkOptions }
  | { kind: "resource"; uri: string; data: string | Uint8Array; mimeType: string | undefined };

/** Content block, created by `text`, `image`, `audio`, `link` and `embedded`. Specification: schema `ContentBlock`. */
export class Block {
  constructor(
    readonly value: BlockValue,
    readonly options: BlockOptions = {},
  ) {}
}

/** Create a text block. */
export function text(content: string, options?: BlockOptions): Block {
  return new Block({ kind: "text", text: content }, options);
}

/** Create an image block. `data`: the bytes of the file. */
export function image(data: Uint8Array, mimeType: string, options?: BlockOptions): Block {
  return new Block({ kind: "image", data, mimeType }, options);
}

/** Create an audio block. `data`: the bytes of the file. */
export function audio(data: Uint8Array, mimeType: string, options?: BlockOptions): Block {
  return new Block({ kind: "audio", data, mimeType }, options);
}

/** Create a link to a resource. Specification: schema `ResourceLink`. */
export function link(uri: string, name: string, options: LinkOptions = {}): Block {
  return new Block({ kind: "link", uri, name, options }, options);
}

/** Create a block with the contents of a resource. Specification: schema `EmbeddedResource`. */
export function embedded(uri: string, data: string | Uint8Array, mimeType?: string, options?: BlockOptions): Block {
  return new Block({ kind: "resource", uri, data, mimeType }, options);
}

/** Options of a `Result`. */
export interface ResultParts {
  /** The content blocks; a string is a text block. */
  content?: (Block | string)[];
  /** A JSON value, sent as `structuredContent`. */
  structured?: unknown;
  isError?: boolean;
  meta?: Meta;
}

/** Complete result of a tool. Specification: schema `CallToolResult`. */
export class Result {
  constructor(readonly parts: ResultParts) {}
}

/** Create a complete result; see `Result`. */
export function result(parts: ResultParts): Result {
  return new Result(parts);
}

/** Server-to-client request. Specification: basic/patterns/mrtr (`inputRequests`). */
export interface InputRequest {
  method: typeof ELICITATION | typeof SAMPLING | typeof ROOTS;
  params: Record<string, unknown>;
}

/**
 * Result of a function that needs input of the client first.
 *
 * The client calls again; then `Context.inputResponses` has the client's results by key, and `Context.inputState` the
 * state.
 */
export class InputRequired {
  constructor(
    readonly requests: Record<string, InputRequest>,
    readonly state?: Uint8Array,
  ) {}
}

/** Message of a prompt or for sampling. Specification: schemas `PromptMessage`, `SamplingMessage`. */
export interface Message {
  role: Role;
  content: Block | string;
}

/** Cache hint. Specification: server/utilities/caching. */
export interface Cache {
  /** Lifetime in seconds; 0 to disable caching. */
  seconds: number;
  /** `private` (the default): only this client caches, for this user; `public`: shared caches can, too. */
  scope?: "public" | "private";
}
