// The cases of the shared table, natively with the fakes.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { callTool, fakeConfig, fakeHttp, fakeKv } from "wasmcp/testing";

import { configCase, httpCase, keep, keepTool, kvCase } from "./table.ts";

const text = readFileSync(process.env.TABLE_PATH!, "utf8")
  .replaceAll("{a:me:p%40ss}", "http://me:p%40ss@a.test")
  .replaceAll("{a}", "http://a.test")
  .replaceAll("{b}", "http://b.test:8080")
  .replaceAll("{closed}", "http://closed.test");
const table = JSON.parse(text);

for (const given of table.http.filter((each: any) => each.also?.includes("typescript"))) {
  test(`http: ${given.name}`, async (t) => {
    const network = fakeHttp();
    t.after(() => network.end());
    for (const [url, route] of Object.entries<any>(given.routes ?? {})) {
      network.route("*", url, { status: route.status, headers: route.headers, text: undefined, body: Buffer.from(route.body ?? ""), error: route.error });
    }
    const found: any = await httpCase(given.request);
    for (const [name, value] of Object.entries(given.outcome)) assert.deepEqual(found[name], value, name);
    if (given.sent === undefined) return;
    assert.equal(network.requests.length, given.sent.length);
    given.sent.forEach((expected: any, at: number) => {
      const sent: any = network.requests[at];
      for (const name of ["method", "url"]) if (name in expected) assert.equal(sent[name], expected[name]);
      if ("body" in expected) assert.equal(sent.text, expected.body);
      for (const [name, values] of Object.entries<string[]>(expected.headers ?? {})) {
        assert.equal(sent.headers.find(([other]: [string]) => other === name)?.[1], values.length > 0 ? values.join(", ") : undefined, name);
      }
    });
  });
}

/** Compare outcomes: a result, or the name of an error and its message. */
function checkSteps(found: any[], steps: any[]): void {
  assert.equal(found.length, steps.length);
  steps.forEach((step, at) => {
    if (!("fails" in step)) return assert.deepEqual(found[at], { gives: step.gives ?? null });
    const { fails, message } = found[at];
    assert.deepEqual([fails, message], [step.fails, step.message ?? message]);
    assert.ok(message.startsWith(step.begins ?? "") && !message.includes("hunter2"), message);
  });
}

for (const given of table.kv) {
  test(`kv: ${given.name}`, (t) => {
    const store = fakeKv();
    t.after(() => store.end());
    checkSteps(kvCase({ bucket: "", steps: given.steps }), given.steps);
  });
}

test("config", (t) => {
  const fake = fakeConfig(table.config.table, table.config.environment);
  t.after(() => fake.end());
  const lookups = table.config.lookups.filter((each: any) => !each.typed);
  checkSteps(configCase(lookups), lookups);
});

test("a page is kept", async (t) => {
  const [network, store, config] = [fakeHttp(), fakeKv(), fakeConfig({ greeting: "Hi" })];
  t.after(() => [network, store, config].forEach((fake) => fake.end()));
  network.route("GET", "http://a.test/page", { text: "a page" });
  assert.deepEqual(await keep({ url: "http://a.test/page" }), { kept: { text: "a page", greeting: "Hi" }, count: 1 });
  const result = await callTool(keepTool, { url: "http://a.test/page" });
  assert.equal(JSON.parse(result.content[0].text).count, 2);
  assert.equal(store.bucket().get("typescript/count"), 2);
  assert.equal((await callTool(keepTool, {})).content[0].text, "Invalid arguments for tool typescript_keep: url: required, but missing");
});
