/** Prompts: declaration, listing and `prompts/get`. */

import type * as wit from "wasmcp:mcp-v20260728/types@0.1.0";

import { masked, run, Required } from "./calls.ts";
import { Block, type Icon, type Message, type Meta } from "./content.ts";
import type { Proposer } from "./completion.ts";
import type { Context } from "./context.ts";
import type { Described } from "./described.ts";
import { DeclarationError, McpError } from "./errors.ts";
import { blockOf, iconOf, json, metaOf, oneOf, optional, sendable } from "./lowering.ts";
import { fixedDescription, PerRequest, type PerRequestOptions } from "./per_request.ts";
import { failedPrompt, INVALID_PARAMS, invalidPrompt, mismatch, MORE, NOTHING, OBJECT, only, UNEXPECTED } from "./protocol.ts";
import { PROMPTS } from "./registry.ts";
import { accepts, membersOf, shapeOf, type Infer, type Schema, type Shape } from "./shape.ts";
import { kindOf, MOST, under } from "./schema.ts";
import { fromText } from "./strings.ts";
import { unpacked } from "./tool.ts";

/** Options of a prompt. Specification: server/prompts, schema `Prompt`. */
export interface PromptOptions extends PerRequestOptions {
  /** The name in requests. */
  name?: string;
  /** The display name. */
  title?: string;
  icons?: Icon[];
  meta?: Meta;
  /** Tags by which filters of a server select it; sent as `_meta["wasmcp/tags"]`. */
  tags?: string[];
  /** Scopes that the principal of a request over HTTP needs for it; sent as `_meta["wasmcp/scopes"]`. */
  scopes?: string[];
}

/** Complete result of a prompt. Specification: schema `GetPromptResult`. */
export interface PromptResult {
  /** The messages; strings and blocks are messages of the user. */
  messages: (Message | Block | string)[];
  /** The description of this result; the prompt's by default. */
  description?: string;
  meta?: Meta;
}

/** Result of a prompt's function. */
export type Prompted = string | Block | Message | (string | Block | Message)[] | PromptResult;

/** Declared prompt. */
export class Prompt extends PerRequest {
  readonly kind = "prompt";
  readonly name: string;
  readonly shape: Shape;
  /** @internal Completions of arguments that were passed with it. */
  readonly completions = new Map<string, Proposer>();
  readonly #handler: (args: any, context: Context) => unknown;
  readonly #listed: wit.Prompt;

  /** @internal */
  constructor(options: PromptOptions & { input?: Schema }, handler: any, found: Described) {
    super(options);
    const name = options.name ?? (handler?.name || found.name);
    if (name === undefined || name === "") throw new DeclarationError("a prompt needs a name: `prompt({ name: ... }, ...)`");
    if (typeof handler !== "function") throw new DeclarationError(`prompt \`${name}\` has no function`);
    const input = options.input ?? found.input;
    if (input === undefined && handler.length > 0) {
      throw new DeclarationError(`prompt \`${name}\`: its function takes arguments: declare their type (in TypeScript), or their schema as \`input\``);
    }
    this.name = name;
    this.#handler = handler;
    this.shape = shapeOf(input ?? { type: "object", additionalProperties: false }, "input", `prompt \`${name}\`, input`);
    const required = (this.shape.json.required ?? []) as string[];
    this.#listed = {
      name: sendable(name),
      title: optional(options.title),
      description: optional(fixedDescription(options.description) ?? found.description),
      arguments: [...membersOf(this.shape.json)].map(([member, schema]) => ({
        name: member,
        title: optional(schema.title as string | undefined),
        description: optional(schema.description as string | undefined),
        required: required.includes(member),
      })),
      icons: (options.icons ?? []).map(iconOf),
      meta: metaOf(options.meta, options.tags, options.scopes),
      extra: undefined,
    };
  }

  /** Return its entry in lists. */
  get listed(): wit.Prompt {
    return this.#listed;
  }

  /** Handle `prompts/get`. Throws `McpError`. */
  get(args: string | null | undefined, context: Context): wit.PromptResult | Required {
    try {
      return masked("prompt", this.name, failedPrompt(this.name), () => {
        const { description } = this.describedFor(this.#listed, context);
        const given = this.#loaded(args);
        const value = run(() => this.#handler(given, context), context);
        return value instanceof Required ? value : this.#result(value as Prompted, description);
      });
    } finally {
      context.expire();
    }
  }

  #loaded(args: string | null | undefined): unknown {
    const invalid = (reason: string) => new McpError(INVALID_PARAMS, invalidPrompt(this.name, reason));
    const given = args === null || args === undefined ? {} : JSON.parse(args);
    if (typeof given !== "object" || given === null || Array.isArray(given)) throw invalid(OBJECT);
    const members = membersOf(this.shape.json);
    const required = (this.shape.json.required ?? []) as string[];
    const read: Record<string, unknown> = {};
    const problems: string[] = [];
    for (const [name, text] of Object.entries(given)) {
      const schema = members.get(name);
      if (schema === undefined) {
        const known = members.size === 0 ? NOTHING : only([...members.keys()].join(", "));
        problems.push(`${under("", name)}: ${problems.some((one) => one.includes(`: ${UNEXPECTED}`)) ? UNEXPECTED : known}`);
      } else if (typeof text !== "string") problems.push(`${under("", name)}: ${mismatch("string", kindOf(text))}`);
      // Clients send an empty string for form fields that were left empty.
      else if (text !== "" || required.includes(name) || accepts(schema, "", this.shape.json)) read[name] = fromText(schema, text, this.shape.json);
      if (problems.length > MOST) break;
    }
    const loaded = this.shape.load(read);
    if ("problems" in loaded) problems.push(...loaded.problems.filter((one) => !problems.some((other) => other.split(": ")[0] === one.split(": ")[0])));
    if (problems.length > 0) throw invalid([...problems.slice(0, MOST), ...(problems.length > MOST ? [MORE] : [])].join("; "));
    return (loaded as { value: unknown }).value;
  }

  #result(value: Prompted, description: string | null | undefined): wit.PromptResult {
    const whole = isResult(value) ? value : { messages: messagesOf(value) };
    return {
      description: optional(whole.description ?? description),
      messages: whole.messages.map((message) => {
        const { role, content } = isMessage(message) ? message : { role: "user" as const, content: message };
        return { role: oneOf(role, ["user", "assistant"]), content: blockOf(content) };
      }),
      meta: metaOf(whole.meta),
      extra: undefined,
    };
  }
}

function isMessage(value: any): value is Message {
  return typeof value === "object" && value !== null && "role" in value && "content" in value;
}

function isResult(value: any): value is PromptResult {
  return typeof value === "object" && value !== null && Array.isArray(value.messages);
}

function messagesOf(value: any): (Message | Block | string)[] {
  const items = Array.isArray(value) ? value : [value];
  if (items.every((item) => typeof item === "string" || item instanceof Block || isMessage(item))) return items;
  return [json(value)];
}

/**
 * Declare a prompt.
 *
 * Arguments are sent as texts, and converted for members of other types. The function returns a text (a message of the
 * user), a content block, a message `{ role, content }`, a list of those, or a `PromptResult`.
 */
export function prompt<const S extends Schema>(
  options: PromptOptions & { input: S },
  handler: (args: Infer<S>, context: Context) => Prompted | Promise<Prompted>,
): Prompt;
export function prompt<A>(options: PromptOptions, handler: (args: A, context: Context) => Prompted | Promise<Prompted>): Prompt;
export function prompt<A>(
  name: string,
  description: string,
  handler: (args: A, context: Context) => Prompted | Promise<Prompted>,
): Prompt;
export function prompt<A>(handler: (args: A, context: Context) => Prompted | Promise<Prompted>): Prompt;
export function prompt(...given: any[]): Prompt {
  const [options, handler, found] = unpacked(given, (name, description) => ({ name, description }));
  const made = new Prompt(options, handler, found);
  return PROMPTS.declare(made.name, made);
}
