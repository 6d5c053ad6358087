// The tools that the tests of the TypeScript guest library call.

import {
  audio,
  cacheLists,
  completion,
  contents,
  embedded,
  image,
  InputRequired,
  link,
  McpError,
  prompt,
  resource,
  ResourceNotFoundError,
  result,
  text,
  tool,
  ToolError,
  type Context,
} from "wasmcp";

import { shout } from "./helper.ts";

/** A branch of a tree. */
interface Tree {
  /** Its name. */
  name: string;
  children?: Tree[];
}

interface Everything {
  /**
   * How many.
   * @integer
   * @minimum 1
   * @maximum 10
   */
  count: number;
  kind: "red" | "green" | 3;
  flag?: boolean;
  maybe: string | null;
  list: readonly number[];
  pair: [number, string?];
  map: Record<string, boolean>;
  tree: Tree;
  /**
   * @format date-time
   * @default "2026-01-01T00:00:00Z"
   */
  when?: string;
  either: { a: number } | { b: string };
}

cacheLists({ seconds: 60, scope: "public" });

/** Take every kind of argument. */
export const everything = tool({ title: "Everything", readOnly: true, meta: { a: 1 }, tags: ["all", "types"], scopes: ["types:use"] }, (args: Everything) => args);

// With a JSON Schema, whose types the function gets.
tool(
  {
    name: "add",
    description: "Add two numbers.",
    input: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } }, required: ["a", "b"] },
    output: { type: "number" },
  },
  ({ a, b }) => a + b,
);

tool("shout", "Shout.", ({ words }: { words: string }) => shout(words));
tool("nothing", "Nothing.", (_: {}) => {});
tool("wait", "Wait for some timers.", async ({ milliseconds }: { milliseconds: number }) => {
  const order: string[] = [];
  const after = async (name: string, time: number) => {
    await new Promise((resolve) => setTimeout(resolve, time));
    order.push(name);
  };
  const stopped = setTimeout(() => order.push("never"), 1);
  clearTimeout(stopped);
  await Promise.all([after("second", 2 * milliseconds), after("first", milliseconds), Promise.resolve().then(() => order.push("at once"))]);
  for await (const item of (async function* () { yield "a"; yield "b"; })()) order.push(item);
  return order;
});

tool("content", "Blocks of every kind.", (_: {}) => [
  text("plain", { annotations: { audience: ["user"], priority: 0.5 }, meta: { m: 1 } }),
  image(new Uint8Array([1, 2, 3]), "image/png"),
  audio(new Uint8Array([4]).subarray(0, 1), "audio/wav"),
  link("notes://1", "one", { title: "One", size: 3 }),
  embedded("notes://2", "two", "text/plain"),
  embedded("notes://3", new Uint8Array([255])),
]);
tool("whole", "A whole result.", (_: {}) => result({ content: ["a", text("b")], structured: { c: [1] }, isError: true, meta: { d: 2 } }));

tool("refuse", "An error that is told.", (_: {}): string => {
  throw new ToolError("you cannot do that \ud800");
});
const inner = (): never => {
  throw new TypeError("the password is 1234", { cause: new Error("deep") });
};
tool("crash", "An error that is not told.", async (_: {}): Promise<string> => {
  await null;
  return inner();
});
tool("protocol", "An error of the protocol.", (_: {}): string => {
  throw new McpError(-32001, "no more", { left: 0 });
});
tool("stuck", "Never end.", (_: {}) => new Promise<string>(() => {}));
tool({ name: "lying", output: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] } }, (_: {}) => ({ n: 1.5 }));
tool("unhandled", "Leave a promise behind.", async (_: {}) => {
  void Promise.reject(new Error("left behind"));
  return "done";
});

tool("watch", "Talk meanwhile.", (_: {}, context: Context) => {
  context.progress(1, 2, "half");
  context.log("warning", { a: [1] }, "me");
  context.info("a text");
  console.log("seen by the operator", { a: 1, b: [true, null] });
  return {
    target: context.target,
    id: String(context.requestId),
    version: context.protocolVersion,
    cancelled: context.cancelled,
    capabilities: Object.keys(context.clientCapabilities).sort(),
    session: context.sessionId ?? "none",
    identity: context.identity?.subject ?? "nobody",
    http: context.http?.method ?? "none",
  };
});
let kept: Context | undefined;
tool("keep", "Keep the context.", (_: {}, context: Context) => {
  kept = context;
});
tool("expired", "Use it later.", (_: {}) => {
  try {
    return kept!.target;
  } catch (error) {
    return (error as Error).name;
  }
});

let runs = 0;
tool("book", "Ask twice.", async ({ what }: { what: string }, context: Context) => {
  runs += 1;
  const ticket = await context.once("ticket", () => crypto.randomUUID());
  const who = await context.elicit("Who are you?", {
    type: "object",
    properties: { name: { type: "string" } },
    required: ["name"],
  });
  const sure = await context.elicit(`Book ${what} for ${who.data.name}?`);
  return { ticket, text: sure.accepted ? `${what} for ${who.data.name}` : "nothing", runs };
});
tool("both", "Ask two things at once.", async (_: {}, context: Context) => {
  const [roots, said] = await Promise.all([context.roots(), context.sample("Say hello.", { maxTokens: 10 })]);
  return `${roots.map((root) => root.uri).join()} ${said.text} ${said.model}`;
});
tool("raw", "Ask by hand.", (_: {}, context: Context) => {
  const answer = context.inputResponses["q"];
  if (answer !== undefined) return `${answer.action} ${new TextDecoder().decode(context.inputState)}`;
  const params = { message: "Sure?", requestedSchema: { type: "object", properties: {} } };
  return new InputRequired({ q: { method: "elicitation/create", params } }, new TextEncoder().encode("my state"));
});

tool("random", "What differs from call to call.", (_: {}) => ({ uuid: crypto.randomUUID(), number: Math.random(), now: Date.now() }));
tool("globals", "What programs expect.", (_: {}) => {
  const url = new URL("../b?x=1&y=%C3%A9#z", "https://u:p@Example.com:443/a/c/d");
  url.searchParams.append("w", "ü ö");
  return {
    url: url.href,
    host: url.host,
    y: url.searchParams.get("y"),
    clone: structuredClone({ a: new Date(0), b: [1] }).a.getTime(),
    bytes: [...new TextEncoder().encode("é€😀")].length,
    text: new TextDecoder().decode(new Uint8Array([0xf0, 0x9f, 0x98, 0x80, 0xff])),
    base64: btoa("abc"),
    headers: [...new Headers({ "X-A": "1" })],
  };
});
tool("fetch", "Without the grant.", async ({ url }: { url: string }) => {
  try {
    return (await fetch(url)).status;
  } catch (error) {
    return -1;
  }
});

const NOTES: Record<string, string> = { milk: "Buy milk.", tea: "Drink tea." };

resource({ uri: "notes://all", title: "All", size: 9, cache: { seconds: 5 }, annotations: { priority: 1 } }, () => Object.keys(NOTES));
resource("notes://blob", "Bytes.", () => new Uint8Array([0, 255]));
resource("notes://several", "Parts.", () => [contents("one", { uri: "notes://several/1", mimeType: "text/x" }), contents({ two: 2 })]);
resource("docs://café/a b", "A page.", (_args, context: Context) => {
  context.resourceUpdated("docs://café/a b");
  return "page";
});
resource("docs://Café/{+path}", "A file.", ({ path }: { path: string }) => path);
const note = resource({ uri: "notes://note/{name}", tags: ["notes"], scopes: ["notes:read"], mimeType: "text/plain" }, ({ name }: { name: string }) => {
  if (!(name in NOTES)) throw new ResourceNotFoundError();
  return NOTES[name];
});
resource("notes://page/{number}{?size,tags*}", "Typed variables.", (args: { number: number; size?: "small" | "large"; tags?: string[] }) => args);
resource("notes://broken", "Broken.", () => inner());
resource("notes://asked", "Ask first.", async (_: {}, context: Context) => `for ${(await context.elicit("Who?", { type: "object", properties: { name: { type: "string" } } })).data.name}`);
completion(note, "name", (value) => Object.keys(NOTES).filter((name) => name.startsWith(value)));

/** Have code reviewed. */
const review = prompt({ title: "Review", tags: ["code"], scopes: ["code:read"] }, (args: {
  /** The code. */
  code: string;
  language?: "ts" | "py" | "zig";
  /** @integer */
  depth?: number;
}) => [
  `Review ${args.code} ${args.language ?? "?"} ${typeof args.depth}`,
  { role: "assistant" as const, content: "Gladly." },
  { role: "user" as const, content: image(new Uint8Array([1]), "image/png") },
]);
prompt("plain", "No arguments.", (_: {}) => ({ messages: ["Hello"], description: "Greeting" }));
prompt("failing", "Fails.", (_: {}) => inner());
completion(review, "code", async (value, args, context) => {
  await null;
  return { values: [`${value}!`, args["language"] ?? "", context.target].filter((one) => one !== ""), total: 7, hasMore: true };
});

const declareLater = tool as (...given: any[]) => unknown;

/** Declare during a call, which is refused. */
export const late = tool({ name: "late" }, () => {
  const problems: string[] = [];
  for (const declare of [
    () => cacheLists({ seconds: 1 }),
    () => declareLater({ name: "later", input: { type: "object" } }, () => 1),
  ]) {
    try {
      declare();
    } catch (error) {
      problems.push(String(error));
    }
  }
  return problems.join("\n");
});
