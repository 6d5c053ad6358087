// Functions of a component that unit tests call.

import { tool, ToolError, type Context } from "wasmcp";
import { session } from "wasmcp/session";

export const greet = tool(({ name }: { name: string }) => `Hello, ${name}`);
export const failing = tool("failing", "Fail.", (_: {}) => {
  throw new ToolError("not today");
});
export const report = tool("report", "Report.", (_: {}, context: Context) => {
  context.progress(1, 2, "half");
  context.log("warning", { nearly: "full" }, "disk");
  context.toolsChanged();
  context.resourceUpdated("notes://a");
  return JSON.stringify([context.requestId, context.meta, context.protocolVersion, context.cancelled]);
});

const SEAT = { type: "object", properties: { row: { type: "integer" } }, required: ["row"] } as const;

export async function book(to: string, context: Context): Promise<string> {
  const ticket = await context.once("ticket", () => to);
  const answer = await context.elicit("Which seat?", SEAT);
  return `${ticket} ${answer.data.row}`;
}

export async function ask(context: Context): Promise<string[]> {
  const found = await context.sample("6 by 7?", { maxTokens: 10 });
  const [first] = await context.roots();
  return [found.text, first!.uri];
}

export function visits(context: Context): number | undefined {
  return session(context)?.increment("visits");
}

export async function ping(url: string): Promise<string> {
  return (await fetch(url)).text();
}

export const count = tool({ name: "count", task: "steps" }, async ({ pages }: { pages: number }, context: Context) => {
  const done: number = context.state ?? 0;
  if (done < pages) await context.checkpoint(done + 1);
  return `${done} pages`;
});

export async function rows(context: Context): Promise<string> {
  const first = (await context.elicit("Which seat?", SEAT)).data.row;
  if (context.state === undefined) await context.checkpoint({ first });
  const second = (await context.elicit("Which seat?", SEAT)).data.row;
  return `${first} ${second} ${JSON.stringify(context.state)}`;
}

/** Use the values of a session, and return what the operations return. */
export function kept(context: Context): unknown[] {
  const values = session(context)!;
  values.set("list", ["a"]);
  const grown = values.update<string[]>("list", (list = []) => [...list, "b"]);
  const made = values.update<number>("count", (count = 0) => count + 2);
  return [values.id, values.has("list"), values.has("absent"), grown, made, values.keys()];
}
