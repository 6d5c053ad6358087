/**
 * Public API of the guest library: `import { tool } from "wasmcp"`.
 *
 * Functions declare tools, resources, prompts and completions. Arguments are validated before the call.
 */

export { app, App, type AppOptions, type Csp } from "./app.ts";
export { completion, type Choices, type Proposals, type Proposer } from "./completion.ts";
export {
  audio,
  Block,
  embedded,
  image,
  InputRequired,
  link,
  result,
  Result,
  text,
  type Annotations,
  type BlockOptions,
  type Cache,
  type Icon,
  type InputRequest,
  type LinkOptions,
  type Message,
  type Meta,
  type ResultParts,
  type Role,
} from "./content.ts";
export { dynamicPrompts, dynamicResources, dynamicTools, makePrompt, makeResource, makeTool } from "./dynamic.ts";
export type { Elicited, Root, Sampled, ToolCall } from "./answers.ts";
export type { Context, HttpFacts, Identity, SamplingOptions } from "./context.ts";
export { MissingCapabilityError, ExpiredContextError, DeclarationError, McpError, ResourceNotFoundError, ToolError } from "./errors.ts";
export { Prompt, prompt, type PromptOptions, type PromptResult } from "./prompt.ts";
export { cacheLists } from "./registry.ts";
export { contents, Contents, Resource, resource, type ResourceOptions } from "./resource.ts";
export type { FromJsonSchema, Infer, Schema, StandardSchema } from "./shape.ts";
export { Skill, skill, type SkillOptions } from "./skill.ts";
export type { TaskOptions } from "./task.ts";
export { Tool, tool, type ToolHints, type ToolOptions } from "./tool.ts";
