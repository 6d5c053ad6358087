// Use of an app in the playground: prints what the page and the app show as one JSON object.
// Arguments: the program of Chromium, the URL, the file of the page, the URL of another server.
import { readFileSync, writeFileSync } from "node:fs";

import { chromium } from "playwright-core";

const [program, url, source, other] = process.argv.slice(2);
const seen = { errors: [], requests: [] };
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1080, height: 900 } });
const page = await context.newPage();
page.setDefaultTimeout(60_000);
page.on("pageerror", (error) => seen.errors.push(String(error)));
page.on("request", (request) => request.url().startsWith(other) && seen.requests.push(request.url()));
await page.goto(url);
await page.locator("#state.ready").waitFor();

const panel = page.locator("main > section:not([hidden])");
const frame = page.frameLocator("iframe.app-frame");
const output = (id) => frame.locator(`#${id}`);

async function called(name) {
  await panel.locator(`button[data-key="${name}"]`).click();
  await panel.getByRole("button", { name: "Call" }).click();
}

await panel.locator('button[data-key="cart"]').click();
await panel.locator(".detail").getByLabel("user").fill("Ada");
await panel.getByRole("button", { name: "Call" }).click();
await output("result").getByText("the cart of Ada").waitFor();
seen.input = await output("input").innerText();
seen.result = await output("result").innerText();
seen.host = JSON.parse(await output("host").innerText());
seen.color = await output("result").evaluate((element) => getComputedStyle(element).color);
seen.facts = await panel.locator(".app-card .facts").innerText();
seen.sandbox = await page.locator("iframe.app-frame").getAttribute("sandbox");
seen.allow = await page.locator("iframe.app-frame").getAttribute("allow");
seen.origin = await output("origin").innerText();
await page.waitForFunction(() => document.querySelector("iframe.app-frame").clientHeight > 300);
seen.height = await page.evaluate(() => document.querySelector("iframe.app-frame").clientHeight);

// Calls of tools, one that is not for apps, one that does not exist, and a resource
for (const id of ["refresh", "hidden", "none", "read", "unknown"]) {
  await output(`do-${id}`).click();
  await output(`of-${id}`).filter({ hasText: /\S/ }).waitFor();
  seen[id] = await output(`of-${id}`).innerText();
}

// What the policy forbids
for (const id of ["fetch", "image", "parent", "own"]) {
  await output(`do-${id}`).click();
  await output(`of-${id}`).filter({ hasText: /\S/ }).waitFor();
  seen[id] = await output(`of-${id}`).innerText();
}

// A link is opened by the user
await output("do-link").click();
const card = page.getByRole("group", { name: "The app requests to open a link" });
seen.link = await card.getByRole("link").getAttribute("href");
await card.getByRole("button", { name: "Decline" }).click();
await output("of-link").filter({ hasText: "declined" }).waitFor();
await output("do-script").click();
await output("of-script").filter({ hasText: /\S/ }).waitFor();
seen.script = await output("of-script").innerText();

// Dark
await page.emulateMedia({ colorScheme: "dark" });
await output("theme").getByText("dark").waitFor();

// A change of the page is shown without a click
const text = readFileSync(source, "utf-8");
writeFileSync(source, text.replace("The cart", "The new cart"));
await frame.getByText("The new cart").waitFor();
await output("result").getByText("the cart of Ada").waitFor();
seen.reloaded = await output("result").innerText();

// An app that leaves its page is closed
await output("do-leave").click();
seen.left = await panel.locator(".app .problem").innerText();
seen.frames = await page.locator("iframe.app-frame").count();
await panel.getByText("messages of the app").click();
seen.log = await panel.locator(".app-log").innerText();

// A page with the library of the extension
await panel.locator('button[data-key="official"]').click();
await panel.locator(".detail").getByLabel("user").fill("Grace");
await panel.getByRole("button", { name: "Call" }).click();
await output("called").filter({ hasText: /\S/ }).waitFor();
await output("host").filter({ hasText: /\S/ }).waitFor();
for (const id of ["input", "result", "called", "host"]) seen[`official_${id}`] = await output(id).innerText();

// A tool without an app has none
await called("hidden");
await panel.locator(".result h3", { hasText: "Result" }).waitFor();
seen.plain = await page.locator("iframe.app-frame").count();

console.log(JSON.stringify(seen));
await browser.close();
