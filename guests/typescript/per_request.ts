/** Entries of lists that depend on the request: those of dynamic components (`dynamic = true`). */

import type { Context } from "./context.ts";
import { sendable } from "./lowering.ts";

/** Options of an entry that depends on the request. */
export interface PerRequestOptions {
  /** The description; in a dynamic component also a function that returns it for a request. */
  description?: string | ((context: Context) => string);
  /** In a dynamic component: returns true if the entry exists for a request. */
  enabled?: (context: Context) => boolean;
}

/** Declaration with an entry in lists. */
export abstract class PerRequest {
  /** The kind of declaration, for messages. */
  abstract readonly kind: "tool" | "resource" | "prompt";
  abstract readonly name: string;
  readonly #enabled: ((context: Context) => boolean) | undefined;
  readonly #describe: ((context: Context) => string) | undefined;

  /** @internal */
  constructor({ enabled, description }: PerRequestOptions) {
    this.#enabled = enabled;
    this.#describe = typeof description === "function" ? description : undefined;
  }

  /** True if its entry in lists depends on the request. */
  get isDynamic(): boolean {
    return this.#enabled !== undefined || this.#describe !== undefined;
  }

  /** True if it exists for a request. */
  isEnabled(context: Context): boolean {
    return this.#enabled === undefined || Boolean(this.#enabled(context));
  }

  /** @internal Return an entry of a list with its description for a request. */
  describedFor<T extends { description?: string | null }>(entry: T, context: Context): T {
    if (this.#describe === undefined) return entry;
    const description: unknown = this.#describe(context);
    if (typeof description !== "string") throw new TypeError(`the description of ${this.kind} \`${this.name}\` must be a string`);
    return { ...entry, description: sendable(description) };
  }
}

/** Return a description that is the same for all requests. */
export function fixedDescription(description: PerRequestOptions["description"]): string | undefined {
  return typeof description === "function" ? undefined : description;
}
