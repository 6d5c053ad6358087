/** Entries of a dynamic component (`dynamic = true`): lists that are made for each request. */

import type { Request } from "wasmcp:mcp-v20260728/messages@0.1.0";

import { referenceOf, type Proposer } from "./completion.ts";
import type { Context } from "./context.ts";
import { DeclarationError } from "./errors.ts";
import type { PerRequest } from "./per_request.ts";
import { Prompt, type Prompted, type PromptOptions } from "./prompt.ts";
import { checkOpen, PROMPTS, RESOURCES, TOOLS, type Registry } from "./registry.ts";
import { Resource, type ResourceOptions } from "./resource.ts";
import { membersOf, type Schema, type Shape } from "./shape.ts";
import { Tool, unpacked, type ToolOptions } from "./tool.ts";
import { keyOf } from "./uris.ts";

/** True in a component with `dynamic = true` in its table; defined by the build. */
declare const WASMCP_DYNAMIC: boolean;

/** True if the lists of the component are made for each request. */
export const isDynamic = typeof WASMCP_DYNAMIC === "boolean" && WASMCP_DYNAMIC;

/** Functions that make the entries of one kind. */
class Sources<E extends PerRequest> {
  readonly functions: ((context: Context) => E[])[] = [];

  constructor(
    readonly declaredBy: string,
    readonly madeBy: string,
    readonly made: new (...given: any[]) => E,
  ) {}

  declare(source: (context: Context) => E[]): void {
    checkOpen(this.declaredBy);
    if (typeof source !== "function") throw new DeclarationError(`${this.declaredBy} needs a function that returns an array of \`${this.madeBy}\``);
    this.functions.push(source);
  }

  make(context: Context): E[] {
    return this.functions.flatMap((source) => {
      const entries: unknown = source(context);
      if (!Array.isArray(entries) || !entries.every((entry) => entry instanceof this.made)) {
        throw new TypeError(`a function of \`${this.declaredBy}\` must return an array of results of \`${this.madeBy}\``);
      }
      return entries;
    });
  }
}

const TOOL_SOURCES = new Sources("dynamicTools", "makeTool", Tool);
const RESOURCE_SOURCES = new Sources("dynamicResources", "makeResource", Resource);
const PROMPT_SOURCES = new Sources("dynamicPrompts", "makePrompt", Prompt);
const SOURCES = [TOOL_SOURCES, RESOURCE_SOURCES, PROMPT_SOURCES];

/** Return the number of functions that make entries. */
export function sourceCount(): number {
  return SOURCES.reduce((sum, { functions }) => sum + functions.length, 0);
}

/**
 * Declare a function that makes tools for each request: it returns an array of tools of `makeTool`.
 *
 *     dynamicTools((context) => config.get("places", []).map((place) => makeTool({ name: `search_${place}`, input }, search)));
 *
 * It is called for each `tools/list`, and for each call of a tool that `tool` does not declare. Call
 * `context.toolsChanged()` when the lists of clients change. Specification: server/tools, "List Changed Notification".
 */
export function dynamicTools(source: (context: Context) => Tool[]): void {
  TOOL_SOURCES.declare(source);
}

/**
 * Declare a function that makes resources and resource templates for each request: it returns an array of resources of
 * `makeResource`.
 *
 * It is called for each `resources/list` and `resources/templates/list`, and for each read of a URI that no resource of
 * `resource` has. Call `context.resourcesChanged()` when the lists of clients change.
 */
export function dynamicResources(source: (context: Context) => Resource[]): void {
  RESOURCE_SOURCES.declare(source);
}

/**
 * Declare a function that makes prompts for each request: it returns an array of prompts of `makePrompt`.
 *
 * It is called for each `prompts/list`, and for each prompt of a request that `prompt` does not declare. Call
 * `context.promptsChanged()` when the lists of clients change.
 */
export function dynamicPrompts(source: (context: Context) => Prompt[]): void {
  PROMPT_SOURCES.declare(source);
}

/** Return a tool for `dynamicTools`; the options are those of `tool`, with a schema as `input`. */
export function makeTool<A>(
  options: ToolOptions & { name: string; input?: Schema; output?: Schema },
  handler: (args: A, context: Context) => unknown,
): Tool {
  const [given, called, found] = unpacked([options, handler], () => ({}));
  return new Tool(given, called, found);
}

/** Completions of the arguments of a prompt or the variables of a template; see `completion`. */
interface Completed {
  completions?: Record<string, Proposer>;
}

/** Return a resource for `dynamicResources`; the options are those of `resource`, and completions of variables. */
export function makeResource<A = Record<string, string>>(
  options: ResourceOptions & Completed & { input?: Schema },
  handler: (variables: A, context: Context) => unknown,
): Resource {
  const [given, called, found] = unpacked([options, handler], () => ({}));
  const made = new Resource(given, called, found);
  checkCompleted(made, made.uri, options);
  return made;
}

/** Return a prompt for `dynamicPrompts`; the options are those of `prompt`, with a schema as `input`, and completions. */
export function makePrompt<A>(
  options: PromptOptions & Completed & { name: string; input?: Schema },
  handler: (args: A, context: Context) => Prompted | Promise<Prompted>,
): Prompt {
  const [given, called, found] = unpacked([options, handler], () => ({}));
  const made = new Prompt(given, called, found);
  checkCompleted(made, made.name, options);
  return made;
}

function checkCompleted(made: { shape: Shape; completions: Map<string, Proposer> }, name: string, { completions = {} }: Completed): void {
  for (const [argument, propose] of Object.entries(completions)) {
    if (!membersOf(made.shape.json).has(argument)) throw new DeclarationError(`completions: \`${name}\` has no argument \`${argument}\``);
    made.completions.set(argument, propose);
  }
}

/** Check that the component is dynamic if something depends on the request. */
export function checkDynamic(): void {
  if (isDynamic) return;
  const needs = "is made for each request, but the lists of this component are recorded when it is built: set `dynamic = true` and `grants = [\"middleware\"]` in its table";
  for (const entry of [...TOOLS.all(), ...RESOURCES.all(), ...PROMPTS.all()]) {
    if (entry.isDynamic) throw new DeclarationError(`${entry.kind} \`${entry.name}\` ${needs}`);
  }
  for (const { declaredBy, functions } of SOURCES) {
    if (functions.length > 0) throw new DeclarationError(`the list of \`${declaredBy}\` ${needs}`);
  }
}

function listed<E extends PerRequest>(registry: Registry<E>, sources: Sources<E>, context: Context): E[] {
  return [...registry.all().filter((entry) => entry.isEnabled(context)), ...sources.make(context)];
}

/** Return the entries. Throws a `TypeError` if two of them have one name or URI. */
function distinct<E extends Tool | Resource | Prompt>(entries: E[]): E[] {
  const found = new Set<string>();
  for (const entry of entries) {
    const [named, identity] = entry instanceof Resource ? ["URI", entry.template.normal.key] : ["name", entry.name];
    if (found.has(identity)) throw new TypeError(`two ${entry.kind}s for one request have the ${named} \`${identity}\``);
    found.add(identity);
  }
  return entries;
}

/** Return the tools that a request lists. */
export function listedTools(context: Context): Tool[] {
  return distinct(listed(TOOLS, TOOL_SOURCES, context));
}

/** Return the resources that a request lists, without templates. */
export function listedResources(context: Context): Resource[] {
  return distinct(listed(RESOURCES, RESOURCE_SOURCES, context).filter((item) => !item.isTemplate));
}

/** Return the resource templates that a request lists. */
export function listedTemplates(context: Context): Resource[] {
  return distinct(listed(RESOURCES, RESOURCE_SOURCES, context).filter((item) => item.isTemplate));
}

/** Return the prompts that a request lists. */
export function listedPrompts(context: Context): Prompt[] {
  return distinct(listed(PROMPTS, PROMPT_SOURCES, context));
}

function offered<E extends PerRequest>(registry: Registry<E>, sources: Sources<E>, name: string, context: Context): E | undefined {
  const declared = registry.get(name);
  if (declared !== undefined) return declared.isEnabled(context) ? declared : undefined;
  return sources.functions.length === 0 ? undefined : sources.make(context).find((entry) => entry.name === name);
}

/** Return the tool that a request can call by a name. */
export function offeredTool(name: string, context: Context): Tool | undefined {
  return offered(TOOLS, TOOL_SOURCES, name, context);
}

/** Return the prompt that a request can get by a name. */
export function offeredPrompt(name: string, context: Context): Prompt | undefined {
  return offered(PROMPTS, PROMPT_SOURCES, name, context);
}

/** Return the template that a request can complete. */
export function offeredTemplate(template: string, context: Context): Resource | undefined {
  const uri = referenceOf(template);
  const declared = RESOURCES.all().find((item) => item.isTemplate && item.uri === uri);
  if (declared !== undefined) return declared.isEnabled(context) ? declared : undefined;
  return RESOURCE_SOURCES.make(context).find((item) => item.isTemplate && item.uri === uri);
}

/**
 * Return the resource that a request can read, with the variables of its URI. Fixed URIs have precedence over
 * templates, and resources of `resource` over those of sources.
 */
export function offeredResource(uri: string, request: Request, context: Context): [Resource, Record<string, string | string[]>] | undefined {
  const key = keyOf(uri);
  const fixed = RESOURCES.get(key);
  if (fixed !== undefined && !fixed.isTemplate && fixed.isEnabled(context)) return [fixed, {}];
  const made = RESOURCE_SOURCES.make(context);
  const other = made.find((item) => !item.isTemplate && item.template.normal.key === key);
  if (other !== undefined) return [other, {}];
  const templates = [...RESOURCES.all().filter((item) => item.isEnabled(context)), ...made].filter((item) => item.isTemplate);
  const found = templates.length === 0 ? undefined : request.matchTemplate(uri, templates.map((item) => item.pattern));
  const item = found ? templates[found.template] : undefined;
  return item ? [item, item.values(found!.variables)] : undefined;
}
