// The page of the official Inspector in a browser, with one server: prints what it shows as one JSON object.
// Arguments: the program of Chromium, the URL of the page.
import { chromium } from "playwright-core";

const [program, url] = process.argv.slice(2);
const seen = { errors: [] };
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
const page = await (await browser.newContext({ viewport: { width: 1400, height: 1000 } })).newPage();
page.setDefaultTimeout(60_000);
page.on("pageerror", (error) => seen.errors.push(String(error)));
await page.goto(url);

const section = (name) => page.getByText(name, { exact: true }).first().click();

// The switch of the only server connects. Its input has no area of its own, so that it gets the event directly
await page.getByRole("switch").first().dispatchEvent("click");
await page.getByText("Connected", { exact: true }).waitFor();
seen.revision = await page.getByText(/^MCP \d{4}-\d\d-\d\d$/).first().innerText();

await section("Apps");
seen.apps = await page.getByText(/^MCP Apps/).innerText();
await page.getByText("show_temperatures", { exact: true }).first().click();
await page.getByRole("textbox", { name: "city" }).fill("Oslo");
await page.getByRole("button", { name: "Open App" }).click();
const app = page.frameLocator("iframe").frameLocator("iframe");
await app.locator("#days li").first().waitFor();
seen.days = await app.locator("#days li").allInnerTexts();
await app.locator("#warmest").click();
await app.locator("#answer").filter({ hasText: /./ }).waitFor();
seen.answer = await app.locator("#answer").innerText();

// Revisions before 2026-07-28 do not announce the extension
seen.skill = null;
if (await page.getByText("Skills", { exact: true }).count()) {
  await section("Skills");
  await page.getByText("try-a-client", { exact: true }).first().click();
  await page.getByText("2 FILE(S)", { exact: false }).waitFor();
  seen.skill = await page.locator("body").innerText();
}

await browser.close();
console.log(JSON.stringify(seen));
