// Tools that use what grants give, from TypeScript: variables, requests, values. Scripts have no files and no sockets.

import { ToolError, tool } from "wasmcp";
import { config } from "wasmcp/config";
import { open } from "wasmcp/kv";

async function reported<T>(use: () => T | Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    throw new ToolError(`${(error as Error).name}: ${(error as Error).message}`);
  }
}

tool("get", "Get a page, through redirects.", ({ url }: { url: string }) =>
  reported(async () => (await fetch(url)).text()));
tool("variable", "Read a variable.", ({ name }: { name: string }) => config(name, "none"));
tool("keep", "Set a value, and get it.", ({ bucket, key }: { bucket: string; key: string }) =>
  reported(() => {
    const opened = open(bucket);
    opened.set(key, "kept");
    return opened.get<string>(key) ?? "";
  }));
