// Functions of a component under `node --test`, with the fakes of `wasmcp/testing`.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { skill, tool } from "wasmcp";
import { MissingConfigError, config } from "wasmcp/config";
import { open, StoreError } from "wasmcp/kv";
import { accept, callTool, decline, fakeConfig, fakeHttp, fakeKv, LocalContext, realHttp, roots, runSteps, sampled } from "wasmcp/testing";

import { ask, book, count, failing, greet, kept, ping, report, rows, visits } from "./native.ts";

test("a tool whose schema the build derives", async () => {
  assert.equal((await callTool(greet, { name: "Ada" })).content[0].text, "Hello, Ada");
  assert.deepEqual((await callTool(failing, {})).content, [{ type: "text", text: "not today" }]);
});

test("progress, log messages and change notifications", async () => {
  const context = new LocalContext({ requestId: "r", meta: { a: 1 } });
  const result = await callTool(report, {}, context);
  assert.equal(result.content[0].text, '["r",{"a":1},"2026-07-28",false]');
  assert.deepEqual(context.progressReports, [[1, 2, "half"]]);
  assert.deepEqual(context.logRecords, [["warning", { nearly: "full" }, "disk"]]);
  assert.deepEqual(context.changes, ["tools", "notes://a"]);
  context.cancel();
  assert.equal(context.cancelled, true);
});

test("client requests", async () => {
  const context = new LocalContext({ answers: [accept({ row: 4 })] });
  assert.equal(await book("Oslo", context), "Oslo 4");
  assert.equal(context.sentRequests[0]![0], "elicitation/create");
  await assert.rejects(book("Oslo", new LocalContext({ answers: [decline()] })), /did not agree/);
  await assert.rejects(book("Oslo", new LocalContext()), /no answer to `elicitation\/create`/);
  assert.deepEqual(await ask(new LocalContext({ answers: [sampled("42"), roots("file:///home")] })), ["42", "file:///home"]);
});

test("steps of a long function", async () => {
  const context = new LocalContext();
  const result = await runSteps((context) => callTool(count, { pages: 2 }, context), context);
  assert.equal(result.content[0].text, "2 pages");
  assert.deepEqual(context.checkpoints, [1, 2]);
  await assert.rejects(callTool(count, { pages: 4 }, new LocalContext({ state: 2 })), /call it with `runSteps`/);
  const asking = new LocalContext({ answers: [accept({ row: 1 }), accept({ row: 2 })] });
  assert.equal(await runSteps(rows, asking), '1 2 {"first":1}');
  assert.equal(asking.sentRequests.length, 2);
  await assert.rejects(runSteps((context) => context.checkpoint(0)), /has not ended after 10000 checkpoints/);
  const endless: Record<string, unknown> = {};
  endless.self = endless;
  await assert.rejects(new LocalContext().checkpoint(endless), TypeError);
});

test("mistakes in the options of tools and skills name their declaration", () => {
  const wrong: [object, RegExp][] = [
    [{ task: true, meta: { "wasmcp/task": {} } }, /^tool `t` has `task`, and `meta` has `wasmcp\/task`: use one of them$/],
    [{ task: { ttl: 0 } }, /^tool `t`: `task\.ttl` must be a number of seconds/],
    [{ task: { tll: 5 } }, /^tool `t`: `task` has an unknown option `tll`$/],
    [{ visibility: ["app"], meta: { ui: {} } }, /^tool `t` has `ui` or `visibility`, and `meta` has `ui`: use one of them$/],
    [{ visibility: ["host"] }, /^tool `t`: `visibility` must be a list of "model" and "app"$/],
    [{ ui: "ui/page.html" }, /^tool `t`: `ui` must be an app/],
  ];
  for (const [options, message] of wrong) assert.throws(() => tool({ name: "t", ...options }, () => "x"), { message });
  const meta = { "io.modelcontextprotocol.skills/frontmatter": {} };
  assert.throws(() => skill({ name: "s", description: "About s", meta }, () => "x"), /^DeclarationError: skill `s`: `meta` has .*: use its fields instead$/);
});

test("values of a session", () => {
  const context = new LocalContext({ session: "s1", sessionValues: { visits: 1 } });
  assert.deepEqual([visits(context), visits(context)], [2, 3]);
  assert.deepEqual(context.sessionValues, { visits: 3 });
  assert.equal(visits(new LocalContext()), undefined);
});

test("operations on values of a session", () => {
  const context = new LocalContext({ session: "s1" });
  assert.deepEqual(kept(context), ["s1", true, false, ["a", "b"], 2, ["count", "list"]]);
  assert.deepEqual(context.sessionValues, { list: ["a", "b"], count: 2 });
});

test("without a fake nothing is granted", async () => {
  await assert.rejects(fetch("http://127.0.0.1:1/"), { code: "HTTP-request-denied" });
  assert.throws(() => open(), (error) => error instanceof StoreError && error.code === "access-denied");
  assert.throws(() => config("absent"), MissingConfigError);
});

test("a fake ends", async () => {
  const network = fakeHttp();
  network.route("GET", "http://a.test/*", (sent) => ({ text: sent.url }));
  assert.equal(await (await fetch("http://a.test/x?y")).text(), "http://a.test/x?y");
  await assert.rejects(fetch("http://b.test/"), /no route for GET http:\/\/b.test\//);
  network.end();
  await assert.rejects(fetch("http://a.test/x"), { code: "HTTP-request-denied" });
  const [store, fake] = [fakeKv(), fakeConfig({ greeting: "Hi" }, { RETRIES: "5" })];
  open("b").set("k", 1);
  assert.equal(store.bucket("b").get("k"), 1);
  assert.deepEqual([config("greeting"), config("RETRIES", 1)], ["Hi", 5]);
  store.end();
  fake.end();
  assert.throws(() => open());
  assert.throws(() => config("greeting"), MissingConfigError);
});

test("requests to a real server", async (t) => {
  const server = createServer((_, response) => response.end("pong"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const real = realHttp();
  t.after(() => {
    real.end();
    server.close();
  });
  assert.equal(await ping(`http://127.0.0.1:${(server.address() as any).port}/`), "pong");
});
