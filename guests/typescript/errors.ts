/** Errors for authors of components. */

import { INVALID_PARAMS, MISSING_CAPABILITY } from "./protocol.ts";

/**
 * Tool error with a text for the client and its model; the text is sent unchanged.
 *
 * Every other error is masked, because its text can contain confidential data.
 * Specification: server/tools, "Error Handling" (tool execution errors).
 */
export class ToolError extends Error {
  override name = "ToolError";
}

/**
 * JSON-RPC error response to the request. For an error that the model is to read, throw a `ToolError` instead.
 *
 * Specification: basic, "Error codes".
 */
export class McpError extends Error {
  override name = "McpError";

  /**
   * @param code -32602 for invalid parameters, -32603 for internal errors; -32000 to -32019 are free to use.
   * @param message Sent unchanged.
   * @param data A JSON value.
   */
  constructor(
    readonly code: number,
    message: string,
    readonly data?: unknown,
  ) {
    super(message);
  }
}

/**
 * Error for a URI that matches the resource's template, but names no existing resource.
 *
 * Sent as -32602, to clients before 2026-07-28 as -32002. Specification: server/resources, "Error Handling".
 */
export class ResourceNotFoundError extends McpError {
  override name = "ResourceNotFoundError";

  /** @param uri The URI; by default the requested one. */
  constructor(readonly uri?: string) {
    super(INVALID_PARAMS, "Resource not found", uri === undefined ? undefined : { uri });
  }
}

/**
 * Error for a server-to-client request that the client does not support; it was not sent.
 *
 * Sent as -32021; as a tool error in responses to `tools/call` of clients before 2026-07-28.
 */
export class MissingCapabilityError extends McpError {
  override name = "MissingCapabilityError";

  /** @param required The missing part of the client's capabilities. Schema `ClientCapabilities`. */
  constructor(readonly required: Record<string, unknown>) {
    const path: string[] = [];
    for (let found: any = required; Object.keys(found).length > 0; found = found[path.at(-1)!]) {
      path.push(Object.keys(found)[0]!);
    }
    super(MISSING_CAPABILITY, `the client does not support \`${path.join(".")}\``, { requiredCapabilities: required });
  }
}

/** Error for the use of a `Context` after its call has ended. */
export class ExpiredContextError extends Error {
  override name = "ExpiredContextError";

  constructor() {
    super("this Context belongs to a call that has ended: use it only in the call it was given to");
  }
}

/** Error for an invalid declaration: thrown when its module is evaluated, during the build. */
export class DeclarationError extends TypeError {
  override name = "DeclarationError";
}

/**
 * @internal Return the text about an operation that is not granted, the same in all guest libraries.
 *
 * @param rule The rule of the grant that permits the operation, as in the table; undefined for the whole grant.
 */
export function notGranted(grant: string, rule?: string): string {
  if (rule === undefined) return `\`${grant}\` is not granted to this component: add it to the \`grants\` of its table: \`grants = ["${grant}"]\``;
  const named = rule.startsWith("{") ? rule : `"${rule}"`;
  return `\`${grant}\` for \`${rule}\` is not granted to this component: name it in the \`grants\` of its table: \`grants = { ${grant} = [${named}] }\``;
}
