/** What the client answers: to a form or a link, from its model, and its roots. */

import { audio, Block, image, text, type Message } from "./content.ts";
import { INVALID_PARAMS, McpError, ToolError } from "./errors.ts";
import { fromBase64, toBase64 } from "./runtime/text.ts";
import type { Shape } from "./shape.ts";

/** What the user did with a form or a link. Specification: schema `ElicitResult`. */
export class Elicited<T> {
  readonly #data: T | undefined;

  constructor(
    readonly action: "accept" | "decline" | "cancel",
    data: T | undefined,
  ) {
    this.#data = data;
  }

  /** Whether the user accepted. */
  get accepted(): boolean {
    return this.action === "accept";
  }

  /** What the user filled in. Throws a `ToolError` when they did not accept: uncaught, the client is told so. */
  get data(): T {
    if (!this.accepted) throw new ToolError(`the user did not agree: ${this.action}`);
    return this.#data as T;
  }
}

export function elicitedOf(found: any, key: string, shape: Shape | undefined): Elicited<any> {
  const wrong = (reason: string) => new McpError(INVALID_PARAMS, `the input response \`${key}\` ${reason}`);
  if (!["accept", "decline", "cancel"].includes(found.action)) throw wrong("has no `action` that is known");
  if (found.action !== "accept" || shape === undefined) return new Elicited(found.action, undefined);
  const content = found.content ?? {};
  if (typeof content !== "object" || Array.isArray(content)) throw wrong("has no object as its `content`");
  const loaded = shape.load(content);
  if ("problems" in loaded) throw wrong(`does not fit: ${loaded.problems.join("; ")}`);
  return new Elicited(found.action, loaded.value);
}

/** A tool that the client's model wants to have called. Specification: schema `ToolUseContent`. */
export interface ToolCall {
  id: string;
  name: string;
  input: Record<string, any>;
}

/** What the client's model said. Specification: schema `CreateMessageResult`. */
export interface Sampled {
  /** The text, images and audio of the message. */
  content: Block[];
  /** All text of the message. */
  text: string;
  /** The tools that the model wants to have called. */
  toolCalls: ToolCall[];
  /** The model that answered. */
  model: string;
  /** Why it stopped: `endTurn`, `maxTokens`, `stopSequence`, `toolUse`... */
  stopReason: string | undefined;
}

class NotBase64 extends Error {}

function bytesOf(data: unknown): Uint8Array {
  if (typeof data !== "string") throw new NotBase64("expected a string");
  try {
    return fromBase64(data);
  } catch (error) {
    throw new NotBase64((error as Error).message);
  }
}

export function sampledOf(found: any, key: string): Sampled {
  const content: Block[] = [];
  const toolCalls: ToolCall[] = [];
  const texts: string[] = [];
  try {
    for (const item of Array.isArray(found.content) ? found.content : [found.content]) {
      if (item.type === "text") {
        texts.push(String(item.text));
        content.push(text(String(item.text)));
      } else if (item.type === "image" || item.type === "audio") {
        content.push((item.type === "image" ? image : audio)(bytesOf(item.data), String(item.mimeType)));
      } else if (item.type === "tool_use") {
        toolCalls.push({ id: String(item.id), name: String(item.name), input: { ...item.input } });
      }
    }
  } catch (error) {
    const reason = error instanceof NotBase64 ? `: \`data\`: ${error.message}` : "";
    throw new McpError(INVALID_PARAMS, `the input response \`${key}\` is not a message of a model${reason}`);
  }
  const stopReason = typeof found.stopReason === "string" ? found.stopReason : undefined;
  return { content, text: texts.join("\n"), toolCalls, model: String(found.model ?? ""), stopReason };
}

/** A folder or file that the client works in. Specification: schema `Root`. */
export interface Root {
  uri: string;
  name?: string;
}

export function rootsOf(found: any, key: string): Root[] {
  const roots = found.roots;
  if (!Array.isArray(roots) || !roots.every((root) => typeof root?.uri === "string")) {
    throw new McpError(INVALID_PARAMS, `the input response \`${key}\` is not a list of roots`);
  }
  return roots.map((root) => (typeof root.name === "string" ? { uri: root.uri, name: root.name } : { uri: root.uri }));
}

/** A message for a model: ours, or one in the form of the specification (schema `SamplingMessage`). */
export type Spoken = string | Block | Message | { role: "user" | "assistant"; content: Record<string, unknown> | unknown[] };

/** The messages for a model in the form of the specification (schema `SamplingMessage`). */
export function samplingMessages(messages: Spoken | Spoken[]): unknown[] {
  return (Array.isArray(messages) ? messages : [messages]).map((item) => {
    if (typeof item === "string" || item instanceof Block) return { role: "user", content: written(item) };
    const { content } = item;
    return typeof content === "string" || content instanceof Block ? { role: item.role, content: written(content) } : item;
  });
}

function written(block: Block | string): unknown {
  if (typeof block === "string") return { type: "text", text: block };
  const { value } = block;
  if (value.kind === "text") return { type: "text", text: value.text };
  if (value.kind === "image" || value.kind === "audio") {
    return { type: value.kind, data: toBase64(value.data), mimeType: value.mimeType };
  }
  throw new TypeError("a model can be sent text, images and audio");
}
