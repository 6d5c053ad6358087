/** Registry of the declarations in a component's modules, in their order. */

import { DeclarationError } from "./errors.ts";
import type { Cache } from "./content.ts";
import type { Completer } from "./completion.ts";
import type { Prompt } from "./prompt.ts";
import type { Resource } from "./resource.ts";
import type { Tool } from "./tool.ts";

let closed = false;

/** Reject further declarations: the lists of the component are recorded, so later ones would not reach clients. */
export function closeDeclarations(): void {
  closed = true;
}

/** Throw an error if the lists of the component are recorded. */
export function checkOpen(what: string): void {
  if (closed) {
    throw new DeclarationError(`${what}: declarations are made while modules are imported, not during a request`);
  }
}

/** Declarations of one kind, by name or URI. */
export class Registry<D> {
  readonly #items = new Map<string, D>();

  constructor(readonly kind: string) {}

  declare(identity: string, item: D): D {
    checkOpen(`the ${this.kind} \`${identity}\``);
    if (this.#items.has(identity)) throw new DeclarationError(`there are two ${this.kind}s \`${identity}\``);
    this.#items.set(identity, item);
    return item;
  }

  get(identity: string): D | undefined {
    return this.#items.get(identity);
  }

  all(): D[] {
    return [...this.#items.values()];
  }
}

export const TOOLS = new Registry<Tool>("tool");
export const RESOURCES = new Registry<Resource>("resource");
export const PROMPTS = new Registry<Prompt>("prompt");
export const COMPLETIONS = new Registry<Completer>("completion");
export const LISTS: { cache: Cache | undefined } = { cache: undefined };

/**
 * Set the cache hint of the component's lists (tools, prompts, resources, templates).
 *
 * Without it, or if the server's hint is shorter, the server's hint applies. Specification: server/utilities/caching.
 */
export function cacheLists(cache: Cache): void {
  checkOpen("cacheLists");
  LISTS.cache = checkedCache(cache, "cacheLists");
}

export function checkedCache(cache: Cache, place: string): Cache {
  const { seconds, scope = "private" } = cache;
  if (!(seconds >= 0 && seconds < 2 ** 53) || !["public", "private"].includes(scope)) {
    throw new DeclarationError(`${place}: seconds >= 0 and a scope \`public\` or \`private\` are needed`);
  }
  return { seconds, scope };
}
