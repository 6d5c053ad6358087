// The playground of a server with authorization: prints what the page shows as one JSON object.
// Arguments: the program of Chromium, the URL, an access token.
import { chromium } from "playwright-core";

const [program, url, token] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
const page = await browser.newPage();
page.setDefaultTimeout(60_000);
await page.goto(url);
const field = page.getByLabel("Access token");
await field.waitFor();
const seen = { before: await page.locator("#main").innerText() };
await field.fill("invalid");
await field.evaluate((element) => { element.dataset.sent = "true"; });
await field.press("Enter");
await page.locator("#token:not([data-sent])").waitFor(); // the form that replaces the one of the refused token
await page.getByLabel("Access token").fill(token);
await page.getByRole("button", { name: "Use" }).click();
await page.locator("#panel-tools ul.entries button").first().waitFor();
seen.tools = await page.locator("#panel-tools ul.entries button").allInnerTexts();
await page.locator('button[data-key="crash"]').waitFor();
await page.getByLabel("a *").fill("1");
await page.getByLabel("b *").fill("2");
await page.getByRole("button", { name: "Call" }).click();
await page.locator(".result h3", { hasText: "Result" }).waitFor();
seen.result = await page.locator(".result").innerText();
await page.getByRole("tab", { name: "Messages" }).click();
await page.locator("#wire details").first().waitFor();
seen.leaked = (await page.locator("#wire").textContent()).includes(token);
await browser.close();
console.log(JSON.stringify(seen));
