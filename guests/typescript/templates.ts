/**
 * URIs and URI templates (RFC 6570) of resources.
 *
 * The framework matches URIs against templates, and the build refuses those that cannot be matched.
 */

import { checkUri, Normal, normalized, normalizedTemplate } from "./uris.ts";

export interface Variable {
  name: string;
  /** True if it has a list of values (`*`). */
  many: boolean;
  /** True if a URI can omit it. */
  optional: boolean;
}

/** URI or template such as `notes://{folder}/{id}{?q,tags*}`; throws a `TypeError` for other texts. */
export class UriTemplate {
  readonly variables = new Map<string, Variable>();
  /** The template in normal form. */
  readonly normal: Normal;

  constructor(
    /** The author's template. */
    readonly text: string,
  ) {
    this.normal = /[{}]/.test(text) ? normalizedTemplate(text) : normalized(text);
    checkUri(text);
    for (const [, operator, names] of this.normal.text.matchAll(/\{([+#./;?&]?)([^{}]*)\}/g)) {
      for (const written of names!.split(",")) {
        const name = /^[A-Za-z0-9_.]+/.exec(written)?.[0];
        if (name === undefined) continue;
        this.variables.set(name, { name, many: written.endsWith("*"), optional: operator !== "" && "#;?&".includes(operator!) });
      }
    }
  }
}
