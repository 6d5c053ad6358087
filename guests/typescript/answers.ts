/** Results of server-to-client requests: elicitation, sampling, roots. */

import { audio, Block, image, text, type Message } from "./content.ts";
import { McpError, ToolError } from "./errors.ts";
import { INVALID_PARAMS } from "./protocol.ts";
import { fromBase64, toBase64 } from "./runtime/text.ts";
import type { Shape } from "./shape.ts";

/** Result of an elicitation, by form or URL. Specification: schema `ElicitResult`. */
export class Elicited<T> {
  readonly #data: T | undefined;

  constructor(
    readonly action: "accept" | "decline" | "cancel",
    data: T | undefined,
  ) {
    this.#data = data;
  }

  /** True if the user accepted. */
  get accepted(): boolean {
    return this.action === "accept";
  }

  /** The submitted values. Throws a `ToolError` if the user did not accept; uncaught, it becomes a tool error. */
  get data(): T {
    if (!this.accepted) throw new ToolError(`the user did not agree: ${this.action}`);
    return this.#data as T;
  }
}

export function elicitedOf(found: any, key: string, shape: Shape | undefined): Elicited<any> {
  if (found.action !== "accept" || shape === undefined) return new Elicited(found.action, undefined);
  const loaded = shape.load(found.content ?? {});
  if ("problems" in loaded) {
    throw new McpError(INVALID_PARAMS, `the input response \`${key}\` does not fit: ${loaded.problems.join("; ")}`);
  }
  return new Elicited(found.action, loaded.value);
}

/** Tool call requested by the client's model. Specification: schema `ToolUseContent`. */
export interface ToolCall {
  id: string;
  name: string;
  input: Record<string, any>;
}

/** Result of sampling. Specification: schema `CreateMessageResult`. */
export interface Sampled {
  /** The text, images and audio of the message. */
  content: Block[];
  /** All text of the message. */
  text: string;
  /** The tool calls that the model requests. */
  toolCalls: ToolCall[];
  /** The name of the model. */
  model: string;
  /** The stop reason: `endTurn`, `maxTokens`, `stopSequence`, `toolUse`... */
  stopReason: string | undefined;
}

/** Convert a message, which the framework has checked. */
export function sampledOf(found: any): Sampled {
  const content: Block[] = [];
  const toolCalls: ToolCall[] = [];
  const texts: string[] = [];
  for (const item of Array.isArray(found.content) ? found.content : [found.content]) {
    if (item.type === "text") {
      texts.push(item.text);
      content.push(text(item.text));
    } else if (item.type === "image" || item.type === "audio") {
      content.push((item.type === "image" ? image : audio)(fromBase64(item.data), item.mimeType));
    } else if (item.type === "tool_use") {
      toolCalls.push({ id: item.id, name: item.name, input: item.input });
    }
  }
  const stopReason = typeof found.stopReason === "string" ? found.stopReason : undefined;
  const model = typeof found.model === "string" ? found.model : "";
  return { content, text: texts.join("\n"), toolCalls, model, stopReason };
}

/** Root of the client: a folder or file. Specification: schema `Root`. */
export interface Root {
  uri: string;
  name?: string;
}

/** Convert a list of roots, which the framework has checked. */
export function rootsOf(found: any): Root[] {
  return found.roots.map((root: Root) => (typeof root.name === "string" ? { uri: root.uri, name: root.name } : { uri: root.uri }));
}

/** Message for sampling: `Message`, or the specification's schema `SamplingMessage`. */
export type Spoken = string | Block | Message | { role: "user" | "assistant"; content: Record<string, unknown> | unknown[] };

/** Convert messages to the specification's schema `SamplingMessage`. */
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
