/** What the build reads out of the author's code: names, comments and types. It hands it to a declaration as a last argument. */

import type { JsonSchema } from "./schema.ts";

export interface Described {
  /** The name of the function, or of the constant that holds what is declared. */
  name?: string;
  /** The comment on it. */
  description?: string;
  /** The schema of the first parameter's type. */
  input?: JsonSchema;
  /** The schema of the returned type. */
  output?: JsonSchema;
}
