/** The errors of a component's author. */

/**
 * Throw it in a tool to tell the client, and the model behind it, what went wrong: the text is sent as it is.
 *
 * Every other error is masked, because its text may hold what the client must not see.
 * Specification: server/tools, "Error Handling" (tool execution errors).
 */
export class ToolError extends Error {
  override name = "ToolError";
}

/**
 * Throw it to answer the request with a JSON-RPC error. What a model should read is a `ToolError` instead.
 *
 * Specification: basic, "Error codes".
 */
export class McpError extends Error {
  override name = "McpError";

  /**
   * @param code -32602 for bad parameters, -32603 for faults of the server; -32000 to -32019 are free to use.
   * @param message Sent as it is.
   * @param data A value that JSON can hold.
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
 * Throw it in a resource when the URI matches its template, but there is no such resource.
 *
 * Sent as -32602, to clients before 2026-07-28 as -32002. Specification: server/resources, "Error Handling".
 */
export class ResourceNotFoundError extends McpError {
  override name = "ResourceNotFoundError";

  /** @param uri The resource; the one that was asked for by default. */
  constructor(readonly uri?: string) {
    super(-32602, "Resource not found", uri === undefined ? undefined : { uri });
  }
}

/**
 * The client was to be asked for something that it does not support. Nothing was asked.
 *
 * Sent as -32021; a tool that is called by a client before 2026-07-28 gives a tool error instead.
 */
export class MissingCapabilityError extends McpError {
  override name = "MissingCapabilityError";

  /** @param required The missing part of the client's capabilities. Schema `ClientCapabilities`. */
  constructor(readonly required: Record<string, unknown>) {
    const path: string[] = [];
    for (let found: any = required; Object.keys(found).length > 0; found = found[path.at(-1)!]) {
      path.push(Object.keys(found)[0]!);
    }
    super(-32021, `the client does not support \`${path.join(".")}\``, { requiredCapabilities: required });
  }
}

/** A `Context` was used after the call that it was given to had ended. */
export class ExpiredContextError extends Error {
  override name = "ExpiredContextError";

  constructor() {
    super("this Context belongs to a call that has ended: use it only in the call it was given to");
  }
}

/** What is declared cannot be offered: thrown when its module is evaluated, which is when the component is built. */
export class DeclarationError extends TypeError {
  override name = "DeclarationError";
}

export const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;
