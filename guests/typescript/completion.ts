/** Completion of arguments of prompts and variables of resource templates. */

import type * as wit from "wasmcp:mcp-v20260728/types@0.1.0";

import { masked, run, Required } from "./calls.ts";
import type { Context } from "./context.ts";
import { DeclarationError } from "./errors.ts";
import { sendable } from "./lowering.ts";
import { Prompt } from "./prompt.ts";
import { COMPLETIONS } from "./registry.ts";
import { Resource } from "./resource.ts";
import { count } from "./runtime/numbers.ts";
import { membersOf, type Shape } from "./shape.ts";
import { proposalsOf } from "./strings.ts";
import { normalizedTemplate } from "./uris.ts";

/** Proposed values with their total number. Specification: `CompleteResult`. */
export interface Proposals {
  /** The values, best first; at most 100 are sent. */
  values: string[];
  /** The total number of values. */
  total?: number;
  /** True if more values exist. */
  hasMore?: boolean;
}

/** Values to select from: those that begin with the partial value, regardless of case, are sent. */
export interface Choices {
  /** All values, best first. */
  choices: readonly string[];
}

type Proposed = string[] | Proposals | Choices | undefined;
type Outcome = { tag: "complete"; val: wit.Completion } | { tag: "choices"; val: string[] };

/** Completion function: takes the partial value, and the arguments that have values already. */
export type Proposer = (value: string, args: Record<string, string>, context: Context) => Proposed | Promise<Proposed>;

/** Declared completion. */
export interface Completer {
  /** The name of the prompt, or the URI template. */
  target: string;
  /** The name of the argument, or of the variable. */
  argument: string;
  propose: Proposer;
}

/**
 * Declare the completion of an argument.
 *
 *     completion(review, "language", () => ({ choices: LANGUAGES }));
 *
 * Arguments that are enums or booleans are completed without a declaration. Specification: server/utilities/completion.
 *
 * @param target The result of `prompt` or `resource`, or the prompt's name or the URI template.
 * @param argument The name of the argument, or of the variable.
 * @param propose Returns the values: strings (best first), `Proposals` or `Choices`.
 */
export function completion(target: Prompt | Resource | string, argument: string, propose: Proposer): void {
  const name = typeof target === "string" ? referenceOf(target) : identityOf(target);
  COMPLETIONS.declare(`${argument} of ${name}`, { target: name, argument, propose });
}

/** Return a prompt's name unchanged, or a template in normal form. */
export function referenceOf(name: string): string {
  try {
    return name.includes("{") ? normalizedTemplate(name).text : name;
  } catch {
    return name;
  }
}

/** Throw an error if the completed argument does not exist. */
export function checkCompletions(known: (Prompt | Resource)[]): void {
  for (const { target, argument } of COMPLETIONS.all()) {
    const item = known.find((one) => identityOf(one) === target);
    if (item === undefined) throw new DeclarationError(`completion: \`${target}\` is neither a prompt nor a resource with a URI template`);
    if (!membersOf(item.shape.json).has(argument)) throw new DeclarationError(`completion: \`${target}\` has no argument \`${argument}\``);
  }
}

export function identityOf(item: Prompt | Resource): string {
  return item instanceof Prompt ? item.name : item.uri;
}

/** Return whether any argument is completed by its type. */
export function hasProposals(shape: Shape): boolean {
  return [...membersOf(shape.json).values()].some((schema) => proposalsOf(schema, shape.json).length > 0);
}

/** Return the values for an argument: from its function, else those that its type allows. */
export function proposed(item: Prompt | Resource, argument: string, value: string, args: Record<string, string>, context: Context): Outcome {
  try {
    const target = identityOf(item);
    const propose = item.completions.get(argument) ?? COMPLETIONS.get(`${argument} of ${target}`)?.propose;
    if (propose === undefined) {
      return { tag: "choices", val: proposalsOf(membersOf(item.shape.json).get(argument), item.shape.json).map(sendable) };
    }
    return masked("completion", `${argument} of ${target}`, `Error completing ${argument}`, () => {
      const found = run(() => propose(value, args, context), context) as Proposed | Required;
      if (found instanceof Required) throw new TypeError("only tools, resources and prompts can send requests to the client");
      if (found === undefined || found === null) return { tag: "choices", val: [] };
      if ("choices" in found) return { tag: "choices", val: texts(found.choices) };
      const { values, total, hasMore }: Proposals = Array.isArray(found) ? { values: found } : found;
      return { tag: "complete", val: { values: texts(values), total: total === undefined ? undefined : count(total), hasMore } };
    });
  } finally {
    context.expire();
  }
}

function texts(values: readonly string[]): string[] {
  for (const value of values) if (typeof value !== "string") throw new TypeError(`a completion returns strings, not ${typeof value}`);
  return values.map(sendable);
}
