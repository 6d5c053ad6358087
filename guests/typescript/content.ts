/** What a tool can return beside plain values: content blocks, and a whole result. Bytes are bytes; base64 is for the wire. */

/** Who a block is for. */
export type Role = "user" | "assistant";

/** Hints on how a block is to be used. Specification: schema `Annotations`. */
export interface Annotations {
  audience?: Role[];
  /** 0 (entirely optional) to 1 (required). */
  priority?: number;
  /** ISO 8601. */
  lastModified?: string;
}

/** A picture for people. Specification: schema `Icon`. */
export interface Icon {
  /** An `https:` or `data:` URI. */
  src: string;
  mimeType?: string;
  /** `48x48` and so on, or `any`. */
  sizes?: string[];
  theme?: "light" | "dark";
}

/** `_meta`. */
export type Meta = Record<string, unknown>;

/** What every block may have beside its content. */
export interface BlockOptions {
  annotations?: Annotations;
  meta?: Meta;
}

/** What a link to a resource may say of it. */
export interface LinkOptions extends BlockOptions {
  title?: string;
  description?: string;
  mimeType?: string;
  /** In bytes. */
  size?: number;
  icons?: Icon[];
}

/** What is inside a `Block`. */
export type BlockValue =
  | { kind: "text"; text: string }
  | { kind: "image" | "audio"; data: Uint8Array; mimeType: string }
  | { kind: "link"; uri: string; name: string; options: LinkOptions }
  | { kind: "resource"; uri: string; data: string | Uint8Array; mimeType: string | undefined };

/** One block of content: made by `text`, `image`, `audio`, `link` and `embedded`. Specification: schema `ContentBlock`. */
export class Block {
  constructor(
    readonly value: BlockValue,
    readonly options: BlockOptions = {},
  ) {}
}

/** Text. */
export function text(content: string, options?: BlockOptions): Block {
  return new Block({ kind: "text", text: content }, options);
}

/** A picture. `data`: the bytes of the file. */
export function image(data: Uint8Array, mimeType: string, options?: BlockOptions): Block {
  return new Block({ kind: "image", data, mimeType }, options);
}

/** Sound. `data`: the bytes of the file. */
export function audio(data: Uint8Array, mimeType: string, options?: BlockOptions): Block {
  return new Block({ kind: "audio", data, mimeType }, options);
}

/** A resource that the client may read. Specification: schema `ResourceLink`. */
export function link(uri: string, name: string, options: LinkOptions = {}): Block {
  return new Block({ kind: "link", uri, name, options }, options);
}

/** The contents of a resource, in place. Specification: schema `EmbeddedResource`. */
export function embedded(uri: string, data: string | Uint8Array, mimeType?: string, options?: BlockOptions): Block {
  return new Block({ kind: "resource", uri, data, mimeType }, options);
}

/** What a `Result` is made of. */
export interface ResultParts {
  /** A string is a text. */
  content?: (Block | string)[];
  /** A value that JSON can hold, sent as `structuredContent`. */
  structured?: unknown;
  isError?: boolean;
  meta?: Meta;
}

/** A whole result, for a tool that wants to say everything itself. Specification: schema `CallToolResult`. */
export class Result {
  constructor(readonly parts: ResultParts) {}
}

/** A whole result; see `Result`. */
export function result(parts: ResultParts): Result {
  return new Result(parts);
}

/** One thing that is asked of the client. Specification: basic/patterns/mrtr (`inputRequests`). */
export interface InputRequest {
  method: "elicitation/create" | "sampling/createMessage" | "roots/list";
  params: Record<string, unknown>;
}

/**
 * Returned instead of a result by a function that needs something from the client first: nothing waits.
 *
 * The client calls again; then `Context.inputResponses` has the answers and `Context.inputState` the state.
 */
export class InputRequired {
  constructor(
    readonly requests: Record<string, InputRequest>,
    readonly state?: Uint8Array,
  ) {}
}

/** A message of a conversation. Specification: schemas `PromptMessage`, `SamplingMessage`. */
export interface Message {
  role: Role;
  content: Block | string;
}

/** How long and by whom something may be kept. Specification: server/utilities/caching. */
export interface Cache {
  /** How long; 0: not at all. */
  seconds: number;
  /** `private` (the default): by this client for this user; `public`: by anybody. */
  scope?: "public" | "private";
}
