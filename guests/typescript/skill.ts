/**
 * Skills that a function generates: the resource `SKILL.md`, with the front matter of the declaration.
 * Source: extension `io.modelcontextprotocol/skills`; Agent Skills specification.
 */

import type * as wit from "wasmcp:mcp-v20260728/types@0.1.0";

import type { Cache, Icon, Meta } from "./content.ts";
import type { Context } from "./context.ts";
import { DeclarationError } from "./errors.ts";
import { json } from "./lowering.ts";
import { FRONT_MATTER } from "./protocol.ts";
import { RESOURCES } from "./registry.ts";
import { Resource } from "./resource.ts";
import { unpacked } from "./tool.ts";

/** Options of a skill. */
export interface SkillOptions {
  /** The name: lower-case letters, digits and single hyphens. */
  name: string;
  /** The description, by which a model decides to read the skill. */
  description: string;
  /** The beginning of the skill's path in the server, for example `acme/reports`. */
  prefix?: string;
  /** The field `license` of the front matter. */
  license?: string;
  /** The field `compatibility` of the front matter: the requirements of the skill. */
  compatibility?: string;
  /** The field `metadata` of the front matter. */
  metadata?: Record<string, string>;
  /** The field `allowed-tools` of the front matter; clients ignore it unless their user consents. */
  allowedTools?: string;
  /** The display name. */
  title?: string;
  icons?: Icon[];
  meta?: Meta;
  /** Tags by which filters of a server select it; sent as `_meta["wasmcp/tags"]`. */
  tags?: string[];
  /** Scopes that the principal of a request over HTTP needs for it; sent as `_meta["wasmcp/scopes"]`. */
  scopes?: string[];
  /** The cache hint of the contents. */
  cache?: Cache;
}

/** Declared skill. */
export class Skill extends Resource {
  readonly #frontMatter: string;

  /** @internal */
  constructor(options: SkillOptions, handler: (context: Context) => unknown) {
    const { name, description, prefix, license, compatibility, metadata, allowedTools, meta, ...rest } = options;
    if (typeof name !== "string" || typeof description !== "string") {
      throw new DeclarationError("a skill needs a name and a description: `skill({ name: ..., description: ... }, ...)`");
    }
    if (typeof handler !== "function") throw new DeclarationError(`skill \`${name}\` has no function`);
    if (meta !== undefined && FRONT_MATTER in meta) {
      throw new DeclarationError(`skill \`${name}\`: \`meta\` has \`${FRONT_MATTER}\`, which the declaration makes: use its fields instead`);
    }
    const fields = { name, description, license, compatibility, "allowed-tools": allowedTools, metadata };
    const frontMatter = Object.entries(fields).filter(([, value]) => value !== undefined);
    super(
      {
        ...rest,
        uri: `skill://${prefix ? `${prefix}/${name}` : name}/SKILL.md`,
        name,
        description,
        mimeType: "text/markdown",
        meta: { ...meta, [FRONT_MATTER]: Object.fromEntries(frontMatter) },
      },
      (_: unknown, context: Context) => handler(context),
      {},
    );
    this.#frontMatter = `---\n${frontMatter.map(([key, value]) => `${key}: ${json(value)}\n`).join("")}---\n\n`;
  }

  protected override parts(value: unknown, uri: string): wit.ResourceContents[] {
    if (typeof value !== "string") throw new TypeError("a skill returns a text, which follows its front matter");
    return super.parts(this.#frontMatter + value, uri);
  }
}

/**
 * Declare a skill: a function that generates the text of its `SKILL.md` at each read, after the front matter.
 *
 *     skill("daily-report", "Assemble the operational report of today", () => `# Report\n\n${figures()}`);
 *
 * Resources and resource templates below the path of the skill are its other files.
 */
export function skill(options: SkillOptions, handler: (context: Context) => string | Promise<string>): Skill;
export function skill(name: string, description: string, handler: (context: Context) => string | Promise<string>): Skill;
export function skill(...given: any[]): Skill {
  const [options, handler] = unpacked(given, (name, description) => ({ name, description }));
  const made = new Skill(options, handler);
  RESOURCES.declare(made.template.normal.key, made);
  return made;
}
