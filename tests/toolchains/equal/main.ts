/** Component of the shared tables, in TypeScript. */

import { cacheLists, completion, McpError, MissingCapabilityError, ToolError, prompt, resource, skill, tool, type Context } from "wasmcp";

interface Stop {
  town: string;
  /** @integer */
  days: number;
}

interface Check {
  /**
   * @integer
   * @minimum 0
   * @maximum 255
   */
  count: number;
  price: number;
  size: "small" | "Large";
  stops: Stop[];
  open?: boolean;
}

tool("check", "Check.", (args: Check) => JSON.stringify(args));
tool("nothing", "Nothing.", () => "nothing");

interface Limits {
  /**
   * @minLength 2
   * @maxLength 4
   */
  code?: string;
  /**
   * @exclusiveMinimum 0
   * @exclusiveMaximum 1
   */
  ratio?: number;
  /**
   * @integer
   * @multipleOf 5
   */
  step?: number;
  /**
   * @minItems 1
   * @maxItems 2
   */
  words?: string[];
  /** @uniqueItems true */
  tags?: string[];
}

tool("limits", "Limits.", (args: Limits) => JSON.stringify(args));

interface Trip {
  city: string;
  size: "small" | "Large";
  deep?: boolean;
  /** @integer */
  days?: number;
  pages?: string;
}

const trip = prompt({ name: "trip" }, (args: Trip) => JSON.stringify(args));
prompt({ name: "plain" }, () => "plain");

completion(trip, "city", () => ({ choices: ["Bremen", "Berlin", "Łódź"] }));
completion(trip, "days", (value, args) => (value === "many" ? Array(150).fill("x") : [value, ...Object.values(args)]));
completion("trip", "pages", (value) => {
  if (value === "secret") throw new Error("xyzzy");
  if (value === "none") throw new ToolError("no page");
  const values = ["1", "2"];
  return value === "more" ? { values, hasMore: true } : { values, total: 7 };
});

interface Listed {
  kind: "day" | "night";
  open: boolean;
  name: string;
}

resource("trips://{kind}/{open}/{name}", "Listed.", (args: Listed) => args);

let runs = 0;

const person = {
  type: "object",
  properties: { name: { type: "string" }, loud: { type: "boolean" } },
  required: ["name"],
} as const;

tool("steps", "Steps.", async (_: {}, context: Context) => {
  const ticket = await context.once("ticket", () => ++runs);
  const found = await context.elicit("Who?", person);
  if (!found.accepted) return found.action;
  const greeting = await context.sample(`Greet ${found.data.name}`, { maxTokens: 5 });
  const roots = (await context.roots()).map((root) => `'${root.uri}'`);
  const same = ticket === (await context.once("ticket", () => ++runs));
  return `${found.data.name} ${found.data.loud ?? "none"} ${greeting.text} [${roots.join(", ")}] ${same ? "True" : "False"}`;
});

tool({ name: "count", task: { steps: true, ttl: 60 }, tags: ["slow"] }, async (_: {}, context: Context) => {
  const done: number = context.state ?? 0;
  if (done === 1 && !(await context.elicit("Who?", person)).accepted) return "nobody";
  if (done < 3) await context.checkpoint(done + 1);
  return `${done} steps`;
});

tool({ name: "work", task: { required: true } }, () => "done");

tool("both", "Both.", async (_: {}, context: Context) => {
  const [found, roots] = await Promise.all([context.elicit("Who?", person), context.roots()]);
  return `${found.action} ${roots.length}`;
});

tool("each", "Each.", async (args: { words: string[] }, context: Context) => {
  const replies = await Promise.all(args.words.map((word) => context.sample(word, { maxTokens: 5 })));
  return replies.map((reply) => reply.text).join(", ");
});

tool("link", "Link.", async (args: { url: string }, context: Context) => {
  return (await context.elicitUrl("Pay", args.url)).accepted ? "opened" : "not opened";
});

tool("keys", "Keys.", async (args: { first: string; second: string }, context: Context) => {
  await context.roots({ key: args.first });
  await context.roots({ key: args.second });
  return "done";
});

tool("refuse", "Refuse.", () => {
  throw new McpError(-32001, "gone", { id: 1 });
});

tool("fallback", "Fallback.", async (_: {}, context: Context) => {
  try {
    return (await context.sample("Hi", { maxTokens: 5 })).text;
  } catch (error) {
    if (error instanceof MissingCapabilityError) return "no model";
    throw error;
  }
});

prompt({ name: "asks" }, async (_: {}, context: Context) => (await context.elicit("Who?", person)).data.name);

skill(
  {
    name: "daily-report",
    description: 'Report of "today": é😀 #1\n- [x]',
    prefix: "reports",
    license: "Apache-2.0",
    compatibility: "yes",
    allowedTools: "Bash(git:*) Read",
    metadata: { version: "2.1" },
  },
  async (context) => `# Report for ${context.protocolVersion}\n`,
);
skill({ name: "true", description: "About true", tags: ["x"], meta: { a: 1 } }, () => "plain");
resource({ uri: "skill://reports/daily-report/references/note.md", description: "Note.", cache: { seconds: 30 } }, () => "plain");
cacheLists({ seconds: 60, scope: "public" });

resource("asks://{id}", "Asked.", async (args: { id: string }, context: Context) => `${args.id} ${(await context.roots()).length}`);
