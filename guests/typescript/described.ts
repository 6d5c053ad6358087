/** Names, comments and types that the build reads from the author's code, passed as last argument of declarations. */

import type { JsonSchema } from "./schema.ts";

export interface Described {
  /** The name of the function, or of the constant with the declaration. */
  name?: string;
  /** Its comment. */
  description?: string;
  /** The schema of the first parameter's type. */
  input?: JsonSchema;
  /** The schema of the return type. */
  output?: JsonSchema;
}

let undescribed: () => Described = () => ({});

/** Return what is known about a declaration that no build has described. */
export function withoutBuild(): Described {
  return undescribed();
}

/** @internal Set the names and schemas of declarations in unit tests, which run without a build. */
export function describeWithoutBuild(make: () => Described): void {
  undescribed = make;
}
