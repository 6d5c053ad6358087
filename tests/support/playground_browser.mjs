// Use of the playground in a browser: prints what the page shows as one JSON object.
// Arguments: the program of Chromium, the URL, a file of the project, a folder for screenshots or `-`.
import { readFileSync, writeFileSync } from "node:fs";

import { chromium } from "playwright-core";

const [program, url, source, pictures] = process.argv.slice(2);
const seen = { errors: [] };
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });

async function opened(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1080, height: 760 }, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("dialog", (dialog) => {
    seen.errors.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(url);
  await page.locator("#state.ready").waitFor();
  await page.locator("#panel-tools ul.entries button").first().waitFor();
  return page;
}

async function picture(page, name) {
  if (pictures === "-") return;
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.screenshot({ path: `${pictures}/${name}.png` });
}

const panel = (page) => page.locator("main > section:not([hidden])");
const entry = (page, name) => panel(page).locator(`button[data-key="${name}"]`).click();
const field = (page, label) => panel(page).locator(".detail").getByLabel(label);
const result = (page) => panel(page).locator(".result");
const tab = (page, name) => page.getByRole("tab", { name }).click();

async function done(page) {
  await result(page).locator("h3", { hasText: /Result|Error/ }).waitFor();
  return result(page).innerText();
}

async function copied(page, label) {
  await page.getByRole("button", { name: label }).click();
  await page.getByRole("button", { name: "Copied" }).first().waitFor();
  return page.evaluate(() => navigator.clipboard.readText());
}

const page = await opened();
seen.title = await page.locator("#name").innerText();
seen.tools = await panel(page).locator("ul.entries button").allInnerTexts();

// A call with a form, its mistakes, and its test
await entry(page, "greet");
await field(page, "times").fill("1.5");
await field(page, "name").fill("Zoë 🙂 \"quoted\"");
await page.getByRole("button", { name: "Call" }).click();
seen.mistake = await panel(page).locator(".field .problem").filter({ hasText: "integer" }).innerText();
await field(page, "times").fill("2");
await field(page, "mood").selectOption({ label: "loud" });
await page.getByRole("button", { name: "Call" }).click();
seen.greet = await done(page);
seen.test = await copied(page, "Copy as test");
await field(page, "name").fill("Ada");
await page.getByRole("button", { name: "Call" }).click();
await result(page).getByText("Hello Ada").first().waitFor();
await picture(page, "playground-tools");

// Texts of the server are not markup
await entry(page, "work");
await page.getByRole("button", { name: "Call" }).click();
seen.work = await done(page);
seen.images = await page.locator("main img").count();

// Input by hand
await entry(page, "book");
await page.getByRole("button", { name: "Call" }).click();
await page.getByRole("group", { name: "The server requests input" }).waitFor();
await field(page, "count").fill("4");
await field(page, "row").selectOption({ label: "front" });
await picture(page, "playground-form");
await page.getByRole("button", { name: "Accept" }).click();
await field(page, "response of the model").fill("Thanks.");
await page.getByRole("button", { name: "Send" }).click();
seen.book = await done(page);

// Tasks: input by hand, by keyboard only; and one that is cancelled
const task = (page) => panel(page).getByRole("group", { name: "Task" });
await entry(page, "pack");
await page.getByRole("button", { name: "Call" }).focus();
await page.keyboard.press("Enter");
await page.getByRole("group", { name: "The server requests input" }).waitFor();
seen.task_waiting = await task(page).innerText();
seen.task_focus = await page.evaluate(() => document.activeElement.labels?.[0]?.textContent);
await page.keyboard.press("Control+A");
await page.keyboard.type("7");
await picture(page, "playground-task");
await page.getByRole("button", { name: "Accept" }).focus();
await page.keyboard.press("Enter");
seen.task = await done(page);
await entry(page, "watch");
await page.getByRole("button", { name: "Call" }).click();
await task(page).locator("li").first().waitFor();
seen.task_running = await task(page).innerText();
await page.getByRole("button", { name: "Cancel" }).click();
seen.task_cancelled = await done(page);

// An error response
await entry(page, "crash");
await page.getByRole("button", { name: "Call" }).click();
seen.crash = await done(page);

// A resource template and a prompt, with completions
await tab(page, "Resources");
await entry(page, "places://{place}");
await field(page, "place").pressSequentially("P");
await panel(page).locator("datalist option").nth(1).waitFor({ state: "attached" });
seen.completions = await panel(page).locator("datalist option").evaluateAll((all) => all.map((one) => one.value));
await field(page, "place").fill("Prague & more");
await panel(page).getByRole("button", { name: "Read" }).click();
seen.resource = await done(page);
await tab(page, "Prompts");
await field(page, "place").fill("Oslo");
await panel(page).getByRole("button", { name: "Get" }).click();
seen.prompt = await done(page);

// Structure, times, messages
await tab(page, "Structure");
const frame = page.frameLocator("iframe");
await frame.locator("svg").first().waitFor();
seen.structure = await frame.locator("body").innerText();
await frame.locator("svg").first().evaluate(
  () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
);
await picture(page, "playground-structure");
await tab(page, "Times");
await panel(page).getByRole("columnheader", { name: "share of the time" }).waitFor();
seen.times = await panel(page).innerText();
seen.components = await panel(page).locator("table").last().locator("tbody tr").evaluateAll(
  (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)),
);
await tab(page, "Messages");
await panel(page).locator("details").first().waitFor();
seen.messages = await panel(page).innerText();

// Keyboard only
await tab(page, "Tools");
await page.keyboard.press("ArrowRight");
seen.after_arrow = await page.locator('[role="tab"][aria-selected="true"]').innerText();
await page.keyboard.press("Home");
await entry(page, "greet");
await field(page, "name").focus();
await page.keyboard.type("Ada");
await page.keyboard.press("Control+Enter");
seen.keyboard = await done(page);

// An edit with an error, and one that adds a tool; a form that is filled in stays
await entry(page, "greet");
await field(page, "name").fill("kept");
const before = readFileSync(source, "utf-8");
writeFileSync(source, `${before}\n\ndef broken(:\n`);
await page.locator("#state.failed").waitFor();
seen.problem = await page.locator("#problem").innerText();
writeFileSync(source, `${before}\n\n@tool\ndef added() -> str:\n    """Return a text."""\n    return "new"\n`);
await page.locator("#state.ready").waitFor();
await panel(page).locator('button[data-key="added"]').waitFor();
seen.kept = await field(page, "name").inputValue();
await entry(page, "added");
await page.getByRole("button", { name: "Call" }).click();
seen.added = await done(page);
seen.problem_hidden = await page.locator("#problem").isHidden();

// Dark, and a narrow window
const dark = await opened({ colorScheme: "dark", viewport: { width: 420, height: 800 } });
seen.dark = await dark.evaluate(() => getComputedStyle(document.body).backgroundColor);
seen.light = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
await entry(dark, "pack");
await dark.getByRole("button", { name: "Call" }).click();
await task(dark).locator("strong").filter({ hasText: "input_required" }).waitFor();
seen.dark_status = await task(dark).locator("strong").evaluate((one) => getComputedStyle(one).color);
seen.too_wide = await dark.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);

// A page of another origin reads nothing
const other = await browser.newContext();
const stranger = await other.newPage();
await stranger.goto("data:text/html,<title>other</title>");
seen.stranger = await stranger.evaluate(async (base) => {
  const attempts = [`${base}_playground/events`, `${base}_playground/structure`, `${base}mcp`];
  const found = [];
  for (const at of attempts) {
    try {
      const response = await fetch(at, at.endsWith("mcp") ? { method: "POST", body: "{}" } : {});
      found.push(`read ${response.status}`);
    } catch {
      found.push("blocked");
    }
  }
  return found;
}, url);

await browser.close();
console.log(JSON.stringify(seen));
