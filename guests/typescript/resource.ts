/** Resources and resource templates: declaration, listing and `resources/read`. */

import type * as wit from "wasmcp:mcp-v20260728/types@0.1.0";

import { masked, run, Required } from "./calls.ts";
import type { Annotations, Cache, Icon, Meta } from "./content.ts";
import type { Proposer } from "./completion.ts";
import type { Context } from "./context.ts";
import type { Described } from "./described.ts";
import { DeclarationError, McpError, ResourceNotFoundError } from "./errors.ts";
import { annotationsOf, cacheOf, contentsOf, iconOf, json, metaOf, optional, sendable, sizeOf } from "./lowering.ts";
import { fixedDescription, PerRequest, type PerRequestOptions } from "./per_request.ts";
import { INVALID_PARAMS, LATEST, RESOURCE_NOT_FOUND } from "./protocol.ts";
import { checkedCache, RESOURCES } from "./registry.ts";
import { membersOf, shapeOf, type Infer, type Schema, type Shape } from "./shape.ts";
import { fromText } from "./strings.ts";
import { UriTemplate } from "./templates.ts";
import { unpacked } from "./tool.ts";
import { sendableUri } from "./uris.ts";

/** Options of a resource. Specification: server/resources, schemas `Resource` and `ResourceTemplate`. */
export interface ResourceOptions extends PerRequestOptions {
  /** The URI, or a template (RFC 6570): `{id}`, `{+path}`, `{/a,b}`, `{?q,tags*}`... */
  uri: string;
  name?: string;
  /** The display name. */
  title?: string;
  /**
   * The media type. By default the contents have `text/plain` for a text, `application/octet-stream` for bytes and
   * `application/json` for other values.
   */
  mimeType?: string;
  /** The size in bytes, if known in advance. */
  size?: number;
  icons?: Icon[];
  annotations?: Annotations;
  meta?: Meta;
  /** Tags by which filters of a server select it; sent as `_meta["wasmcp/tags"]`. */
  tags?: string[];
  /** Scopes that the principal of a request over HTTP needs for it; sent as `_meta["wasmcp/scopes"]`. */
  scopes?: string[];
  /** The cache hint of the contents. */
  cache?: Cache;
  /**
   * Variables that allow any value. A URI does not match the template if another variable has a value with a `..`
   * segment, an absolute path or NUL, so that a value that is joined to a folder stays below it (path traversal); or a
   * value with an encoded slash (`%2F`) where the value ends at `/`.
   */
  unchecked?: string[];
}

/** Contents of a resource with metadata. Specification: `ResourceContents`. */
export class Contents {
  constructor(
    /** A text, the bytes of a blob, or a value that is serialized as JSON. */
    readonly data: unknown,
    readonly options: { mimeType?: string; uri?: string; meta?: Meta } = {},
  ) {}
}

/** Create contents of a resource; see `Contents`. */
export function contents(data: unknown, options?: { mimeType?: string; uri?: string; meta?: Meta }): Contents {
  return new Contents(data, options);
}

/** Declared resource or template. */
export class Resource extends PerRequest {
  readonly kind = "resource";
  /** The URI or template in normal form, as in lists. */
  readonly uri: string;
  readonly name: string;
  readonly shape: Shape;
  readonly template: UriTemplate;
  /** @internal Completions of variables that were passed with it. */
  readonly completions = new Map<string, Proposer>();
  readonly #handler: (args: any, context: Context) => unknown;
  readonly #options: ResourceOptions;
  readonly #description: string | undefined;

  /** @internal */
  constructor(options: ResourceOptions & { input?: Schema }, handler: any, found: Described) {
    super(options);
    const { uri } = options;
    if (typeof uri !== "string") throw new DeclarationError("a resource needs a URI: `resource({ uri: ... }, ...)`");
    if (typeof handler !== "function") throw new DeclarationError(`resource \`${uri}\` has no function`);
    this.name = options.name ?? (handler.name || found.name || uri);
    this.#handler = handler;
    this.#options = options.cache === undefined ? options : { ...options, cache: checkedCache(options.cache, `resource \`${uri}\``) };
    this.#description = fixedDescription(options.description) ?? found.description;
    try {
      this.template = new UriTemplate(uri);
    } catch (error) {
      throw new DeclarationError(`resource: ${(error as Error).message}`);
    }
    this.uri = this.template.normal.text;
    this.shape = shapeOf(options.input ?? found.input ?? this.#strings(), "input", `resource \`${uri}\`, input`);
    this.#check();
  }

  get isTemplate(): boolean {
    return this.template.variables.size > 0;
  }

  #strings(): Schema {
    const variables = [...this.template.variables.values()];
    const one = { type: "string" };
    return {
      type: "object",
      properties: Object.fromEntries(variables.map(({ name, many }) => [name, many ? { type: "array", items: one } : one])),
      required: variables.filter(({ optional: left }) => !left).map(({ name }) => name),
    };
  }

  #check(): void {
    const members = membersOf(this.shape.json);
    const required = (this.shape.json.required ?? []) as string[];
    const { variables } = this.template;
    const refuse = (reason: string) => {
      throw new DeclarationError(`resource \`${this.uri}\`: ${reason}`);
    };
    for (const { name, optional: left } of variables.values()) {
      if (!members.has(name) && this.#handler.length > 0) refuse(`its function does not take the variable \`${name}\``);
      if (left && required.includes(name)) refuse(`a URI may leave \`${name}\` out: make it optional`);
    }
    for (const name of required) if (!variables.has(name)) refuse(`it has no variable \`${name}\``);
    for (const name of this.#options.unchecked ?? []) {
      if (!variables.has(name)) refuse(`\`unchecked\` names \`${name}\`, which is not a variable`);
    }
  }

  /** The template in the form that the framework matches URIs with. */
  get pattern(): wit.UriTemplate {
    return { text: this.uri, unchecked: this.#options.unchecked ?? [] };
  }

  /** Return the values of the variables that the framework found in a URI; a list for each `*`. */
  values(found: [string, string[]][]): Record<string, string | string[]> {
    const { variables } = this.template;
    return Object.fromEntries(found.map(([name, values]) => [name, variables.get(name)!.many ? values : values[0]!]));
  }

  /** Handle `resources/read`. Throws `McpError`. */
  read(uri: string, found: Record<string, string | string[]>, context: Context): wit.ResourceResult | Required {
    try {
      return masked("resource", uri, `Error reading resource ${uri}`, () => this.#read(uri, found, context));
    } catch (error) {
      if (!(error instanceof ResourceNotFoundError)) throw error;
      const code = context.protocolVersion >= LATEST ? INVALID_PARAMS : RESOURCE_NOT_FOUND;
      throw new McpError(code, error.message, { uri: error.uri ?? uri });
    } finally {
      context.expire();
    }
  }

  #read(uri: string, found: Record<string, string | string[]>, context: Context): wit.ResourceResult | Required {
    const members = membersOf(this.shape.json);
    const given = Object.fromEntries(
      Object.entries(found).map(([name, value]) => [name, fromText(members.get(name), value, this.shape.json)]),
    );
    const loaded = this.shape.load(given);
    if ("problems" in loaded) throw new McpError(INVALID_PARAMS, loaded.problems.join("; "), { uri });
    const value = run(() => this.#handler(loaded.value, context), context);
    if (value instanceof Required) return value;
    return { contents: this.parts(value, uri), cache: cacheOf(this.#options.cache), meta: undefined, extra: undefined };
  }

  /** Return the encoded contents of a function's result. */
  protected parts(value: unknown, uri: string): wit.ResourceContents[] {
    const several = Array.isArray(value) && value.length > 0 && value.every((item) => item instanceof Contents);
    const parts = (several ? value : [value]) as unknown[];
    return parts.map((part) => this.#part(part, uri));
  }

  #part(part: unknown, uri: string): wit.ResourceContents {
    const { data, options } = part instanceof Contents ? part : new Contents(part);
    const plain = typeof data === "string" || data instanceof Uint8Array;
    const usual = typeof data === "string" ? "text/plain" : plain ? "application/octet-stream" : "application/json";
    const mimeType = options.mimeType ?? this.#options.mimeType ?? usual;
    return contentsOf(options.uri === undefined ? uri : sendableUri(options.uri), plain ? data : json(data), mimeType, options.meta);
  }

  #common() {
    const { title, mimeType, icons, annotations, meta, tags, scopes } = this.#options;
    return {
      name: sendable(this.name),
      title: optional(title),
      description: optional(this.#description),
      mimeType: optional(mimeType),
      icons: (icons ?? []).map(iconOf),
      annotations: annotationsOf(annotations),
      meta: metaOf(meta, tags, scopes),
      extra: undefined,
    };
  }

  /** Return the list entry of a resource. */
  get listed(): wit.McpResource {
    return { uri: this.uri, size: sizeOf(this.#options.size), ...this.#common() };
  }

  /** Return the list entry of a template. */
  get listedAsTemplate(): wit.ResourceTemplate {
    return { uriTemplate: this.uri, ...this.#common() };
  }
}

/**
 * Declare a resource, or all resources of a template.
 *
 *     resource("notes://{id}", "A note.", ({ id }: { id: string }) => notes[id]);
 *
 * The function gets the variables of the URI, decoded, and returns a text, bytes, a value that is serialized as JSON, a
 * `Contents`, or a list of those.
 */
export function resource<const S extends Schema>(
  options: ResourceOptions & { input: S },
  handler: (variables: Infer<S>, context: Context) => unknown,
): Resource;
export function resource<A = Record<string, string>>(options: ResourceOptions, handler: (variables: A, context: Context) => unknown): Resource;
export function resource<A = Record<string, string>>(
  uri: string,
  description: string,
  handler: (variables: A, context: Context) => unknown,
): Resource;
export function resource(...given: any[]): Resource {
  const [options, handler, found] = unpacked(given, (uri, description) => ({ uri, description }));
  const made = new Resource(options, handler, found);
  return RESOURCES.declare(made.template.normal.key, made);
}
