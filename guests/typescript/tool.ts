/** Tools: declaration, listing and `tools/call`. */

import type * as wit from "wasmcp:mcp-v20260728/types@0.1.0";

import { withApp, type App } from "./app.ts";
import { report, run, Required } from "./calls.ts";
import { Block, Result, type Icon, type Meta } from "./content.ts";
import type { Context } from "./context.ts";
import { withoutBuild, type Described } from "./described.ts";
import { DeclarationError, McpError, ToolError } from "./errors.ts";
import { blockOf, iconOf, json, metaOf, optional, resultOf, sendable } from "./lowering.ts";
import { fixedDescription, PerRequest, type PerRequestOptions } from "./per_request.ts";
import { failedTool, invalidTool, OBJECT, type APP_VISIBILITIES } from "./protocol.ts";
import { TOOLS } from "./registry.ts";
import { CheckpointSignal } from "./requests.ts";
import { followed, shapeOf, type Infer, type Schema, type Shape } from "./shape.ts";
import type { JsonSchema } from "./schema.ts";
import { withTask, type TaskOptions } from "./task.ts";

const NAME = /^[A-Za-z0-9_.-]{1,128}$/;

/** Hints for clients, not for security decisions. Specification: schema `ToolAnnotations`. */
export interface ToolHints {
  /** It does not modify its environment. */
  readOnly?: boolean;
  /** It can delete or overwrite data, not only add. */
  destructive?: boolean;
  /** Repeated calls with the same arguments have no further effect. */
  idempotent?: boolean;
  /** It interacts with external systems. */
  openWorld?: boolean;
}

/** Options of a tool. Specification: server/tools, schema `Tool`. */
export interface ToolOptions extends ToolHints, PerRequestOptions {
  /** The name in requests. */
  name?: string;
  /** The display name. */
  title?: string;
  icons?: Icon[];
  meta?: Meta;
  /** The app that hosts show for it; see `app`. */
  ui?: App;
  /** The permitted callers: `"model"`, `"app"` (apps of this server), or both, which is the default. */
  visibility?: (typeof APP_VISIBILITIES)[number][];
  /** Tags by which filters of a server select it; sent as `_meta["wasmcp/tags"]`. */
  tags?: string[];
  /** Scopes that the principal of a request over HTTP needs for it; sent as `_meta["wasmcp/scopes"]`. */
  scopes?: string[];
  /**
   * A call may continue after its request, as a task whose result the client polls for; `"steps"`: the function
   * continues by `Context.checkpoint`. Sent as `_meta["wasmcp/task"]`.
   */
  task?: boolean | "steps" | TaskOptions;
}

/** Result of most tools: a case of `tools.outcome` of the WIT with one text. */
export type Value = { tag: "text" | "value" | "structured"; val: string };

type Returned<O> = O | Result | Block | string | (Block | string)[] | undefined | void | null;
type Maybe<T> = T | Promise<T>;

/** Declared tool. */
export class Tool<A = any, R = unknown> extends PerRequest {
  readonly kind = "tool";
  readonly name: string;
  readonly #input: Shape;
  readonly #output: Shape | undefined;
  readonly #wrapped: boolean;
  readonly #handler: (args: any, context: Context) => unknown;
  readonly #listed: wit.Tool;

  /** @internal */
  constructor(options: ToolOptions & { input?: Schema; output?: Schema }, handler: (args: A, context: Context) => R, found: Described) {
    super(options);
    const name = options.name ?? (handler.name || found.name);
    if (name === undefined || name === "") throw new DeclarationError("a tool needs a name: `tool({ name: ... }, ...)`");
    if (!NAME.test(name)) throw new DeclarationError(`tool \`${name}\`: the name must be 1 to 128 of A-Z, a-z, 0-9, \`_\`, \`-\` and \`.\``);
    if (typeof handler !== "function") throw new DeclarationError(`tool \`${name}\` has no function`);
    this.name = name;
    this.#handler = handler;
    const input = options.input ?? found.input;
    if (input === undefined && handler.length > 0) {
      throw new DeclarationError(`tool \`${name}\`: its function takes arguments: declare their type (in TypeScript), or their schema as \`input\``);
    }
    this.#input = shapeOf(input ?? { type: "object", additionalProperties: false }, "input", `tool \`${name}\`, input`);
    if (this.#input.json.type !== "object") throw new DeclarationError(`tool \`${name}\`: the schema of its input must have \`type: "object"\``);
    const output = options.output ?? found.output;
    const shape = output === undefined ? undefined : shapeOf(output, "output", `tool \`${name}\`, output`);
    this.#wrapped = shape !== undefined && followed(shape.json, shape.json).type !== "object";
    this.#output = shape;
    const hints = { readOnly: options.readOnly, destructive: options.destructive, idempotent: options.idempotent, openWorld: options.openWorld };
    this.#listed = {
      name,
      title: optional(options.title),
      description: optional(fixedDescription(options.description) ?? found.description),
      inputSchema: json(this.#input.json),
      outputSchema: shape === undefined ? undefined : json(this.#wrapped ? wrapped(shape.json) : shape.json),
      annotations: Object.values(hints).some((hint) => hint !== undefined) ? { title: undefined, ...hints } : undefined,
      icons: (options.icons ?? []).map(iconOf),
      meta: metaOf(withTask(name, withApp(name, options.meta, options.ui, options.visibility), options.task), options.tags, options.scopes),
      extra: undefined,
    };
  }

  /** Return its entry in lists. */
  get listed(): wit.Tool {
    return this.#listed;
  }

  /** Handle `tools/call`. Errors become results with `isError`, except for `McpError`, which is thrown. */
  call(args: string | null | undefined, context: Context): wit.ToolResult | Value | Required {
    try {
      const loaded = this.#loaded(args);
      if ("isError" in loaded) return loaded;
      const value = run(() => this.#handler(loaded.value, context), context);
      return value instanceof Required ? value : this.#rendered(value);
    } catch (error) {
      return this.#failed(error);
    } finally {
      context.expire();
    }
  }

  /** @internal Handle `tools/call` in a unit test, on the event loop of Node. */
  async callNatively(args: string, context: Context): Promise<wit.ToolResult> {
    try {
      const loaded = this.#loaded(args);
      return "isError" in loaded ? loaded : expanded(this.#rendered(await this.#handler(loaded.value, context)));
    } catch (error) {
      return this.#failed(error);
    }
  }

  #loaded(args: string | null | undefined): wit.ToolResult | { value: unknown } {
    const invalid = (reason: string) => failure(invalidTool(this.name, reason));
    const given = args === null || args === undefined ? {} : JSON.parse(args);
    if (typeof given !== "object" || given === null || Array.isArray(given)) return invalid(OBJECT);
    const loaded = this.#input.load(given);
    return "problems" in loaded ? invalid(loaded.problems.join("; ")) : loaded;
  }

  /** Return the result of a failed call; throw a JSON-RPC error. */
  #failed(error: unknown): wit.ToolResult {
    if (error instanceof ToolError) return failure(error.message);
    if (error instanceof McpError || error instanceof CheckpointSignal) throw error;
    report("tool", this.name, error);
    return failure(failedTool(this.name));
  }

  #rendered(value: any): wit.ToolResult | Value {
    if (value instanceof Result) return resultOf(value);
    if (this.#output === undefined) return resultOf(loosely(value));
    const loaded = this.#output.load(value);
    if ("problems" in loaded) {
      throw new TypeError(`tool \`${this.name}\` returned a value that does not match its output schema: ${loaded.problems.join("; ")}`);
    }
    if (!this.#wrapped) return { tag: "structured", val: json(loaded.value) };
    if (typeof loaded.value === "string") return { tag: "text", val: sendable(loaded.value) };
    return { tag: "value", val: json(loaded.value) };
  }
}

/** Return the result of a tool that the framework makes of a value. */
function expanded(found: wit.ToolResult | Value): wit.ToolResult {
  if (!("tag" in found)) return found;
  const written = found.tag === "text" ? json(found.val) : found.val;
  return {
    content: [blockOf(found.val)],
    structuredContent: found.tag === "structured" ? written : `{"result":${written}}`,
    isError: false,
    meta: undefined,
    extra: undefined,
  };
}

function wrapped({ $defs, ...inner }: JsonSchema): JsonSchema {
  const schema = { type: "object", properties: { result: inner }, required: ["result"] };
  return $defs === undefined ? schema : { ...schema, $defs };
}

function loosely(value: any): Result {
  if (value === undefined || value === null) return new Result({});
  if (value instanceof Block || typeof value === "string") return new Result({ content: [value] });
  if (Array.isArray(value) && value.some((item) => item instanceof Block)) return new Result({ content: value });
  return new Result({ content: [json(value)] });
}

function failure(message: string): wit.ToolResult {
  return resultOf(new Result({ content: [sendable(message)], isError: true }));
}


/**
 * Declare a tool.
 *
 *     tool({ name: "add", description: "Add two numbers.", input: z.object({ a: z.number(), b: z.number() }) },
 *       ({ a, b }) => a + b);
 *
 * The arguments are validated before the function runs. `input` is a schema of zod (4.2 or newer, or of another library
 * with Standard JSON Schema), or a JSON Schema. In TypeScript it can be omitted: the build derives it from the
 * type of the function's first parameter, and the output schema from its return type.
 *
 *     tool("add", "Add two numbers.", (args: { a: number; b: number }) => args.a + args.b);
 */
export function tool<const S extends Schema, const O extends Schema>(
  options: ToolOptions & { input: S; output: O },
  handler: (args: Infer<S>, context: Context) => Maybe<Infer<O> | Result>,
): Tool;
export function tool<const S extends Schema>(
  options: ToolOptions & { input: S },
  handler: (args: Infer<S>, context: Context) => Maybe<Returned<unknown>>,
): Tool;
export function tool<A, const O extends Schema>(
  options: ToolOptions & { output: O },
  handler: (args: A, context: Context) => Maybe<Infer<O> | Result>,
): Tool;
export function tool<A>(options: ToolOptions, handler: (args: A, context: Context) => Maybe<Returned<unknown>>): Tool;
export function tool<A>(name: string, description: string, handler: (args: A, context: Context) => Maybe<Returned<unknown>>): Tool;
export function tool<A>(handler: (args: A, context: Context) => Maybe<Returned<unknown>>): Tool;
export function tool(...given: any[]): Tool {
  const [options, handler, found] = unpacked(given, (name, description) => ({ name, description }));
  const made = new Tool(options, handler, found);
  return TOOLS.declare(made.name, made);
}

/** Return options, function and build data, for each of the three ways to declare something. */
export function unpacked(given: any[], named: (first: string, second: string) => any): [any, any, Described] {
  if (typeof given[0] === "function") return [{}, given[0], given[1] ?? withoutBuild()];
  if (typeof given[0] === "string") return [named(given[0], given[1]), given[2], given[3] ?? withoutBuild()];
  return [given[0] ?? {}, given[1], given[2] ?? withoutBuild()];
}
