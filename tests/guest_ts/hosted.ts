// Tools that use imports of the host: HTTP, key-value store, configuration, sessions.

import { tool, type Context } from "wasmcp";
import { bakedIn, config } from "wasmcp/config";
import { open, StoreError } from "wasmcp/kv";
import { session } from "wasmcp/session";

tool("get", "Fetch a page.", async ({ url, signal }: { url: string; signal?: number }) => {
  try {
    const response = await fetch(url, {
      headers: { "X-One": "1", authorization: "secret" },
      signal: signal === undefined ? null : AbortSignal.timeout(signal),
    });
    return { status: response.status, text: await response.text(), redirected: response.redirected, url: response.url };
  } catch (error) {
    return { status: 0, text: `${(error as Error).name}: ${(error as Error).message}`, redirected: false, url };
  }
});
tool("post", "Send a body.", async ({ url, size, streamed = false }: { url: string; size: number; streamed?: boolean }) => {
  const piece = new TextEncoder().encode("é".repeat(size));
  const pieces = async function* () {
    yield piece;
    yield piece;
  };
  const response = await fetch(url, { method: "POST", body: streamed ? pieces() : piece });
  let length = 0;
  for await (const chunk of response.body ?? []) length += chunk.length;
  return length;
});
tool("together", "Fetch several at once.", async ({ url, count }: { url: string; count: number }) => {
  const texts = await Promise.all(Array.from({ length: count }, async () => (await fetch(url)).text()));
  return texts;
});
tool("abandon", "Leave a request behind.", async ({ url }: { url: string }) => {
  void fetch(url).catch(() => {});
  await Promise.resolve();
  return "left";
});

tool("store", "Use a bucket.", ({ key }: { key: string }) => {
  const bucket = open();
  bucket.set(key, { a: [1, "é"] });
  bucket.setMany({ text: "x", bytes: new Uint8Array([1, 255]), flag: true, half: 0.5 });
  return {
    value: bucket.get(key),
    count: bucket.increment("count", 2),
    many: Object.fromEntries([...bucket.getMany(["text", "flag", "half", "gone"])]),
    bytes: [...(bucket.get<Uint8Array>("bytes") ?? [])],
    swapped: [bucket.compareAndSwap("text", "x", "y"), bucket.compareAndSwap("text", "x", "z")],
    keys: [...bucket.keys("b")],
    has: bucket.has("gone"),
  };
});
tool("misuse", "Count a value that is not a number.", (_: {}) => {
  const bucket = open();
  bucket.set("word", "x");
  try {
    return String(bucket.increment("word"));
  } catch (error) {
    return error instanceof StoreError ? error.code : "another error";
  }
});
tool("configured", "Read the configuration.", (_: {}) => ({
  greeting: config("greeting"),
  retries: config("RETRIES", 1),
  fallback: config("nobody-says-it", "fallback"),
  table: bakedIn(),
}));
tool("visits", "Count the session's visits.", (_: {}, context: Context) => session(context)?.increment("visits") ?? -1);
