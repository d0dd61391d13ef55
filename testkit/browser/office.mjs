// The organiser's page and an order's tickets, on a desktop and on a small dark phone.
// BASE: the booking service; LINK: an order's tickets; TOKEN: the organiser's; OUT: a folder for pictures, or nothing.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { withBrowser } from "./browser.mjs";

const { BASE, LINK, TOKEN, OUT } = process.env;
if (OUT) mkdirSync(OUT, { recursive: true });
const complaints = [];

async function looked(page, name) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(v => ["serious", "critical"].includes(v.impact));
  assert.deepEqual(serious.map(v => [v.id, v.nodes[0].html]), [], name);
  const [wide, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= view, `${name} scrolls sideways: ${wide} > ${view}`);
  if (OUT) await page.screenshot({ path: `${OUT}/${name}.png`, fullPage: true });
}

await withBrowser(async open => {
  const kinds = {
    desktop: { viewport: { width: 1280, height: 800 } },
    phone: { viewport: { width: 320, height: 640 }, hasTouch: true, colorScheme: "dark", reducedMotion: "reduce" },
  };
  for (const [kind, options] of Object.entries(kinds)) {
    const page = await (await open(options)).newPage();
    page.on("pageerror", e => complaints.push(String(e)));
    page.on("console", m => m.type() === "error" && !/favicon|401/.test(m.text()) && complaints.push(m.text()));
    await page.goto(BASE + LINK);
    assert.equal(await page.locator(".codes svg").count(), 2);
    await looked(page, `tickets-${kind}`);
    await page.goto(`${BASE}/organiser`);
    await page.getByLabel("Token").fill("not-the-token");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await looked(page, `office-door-${kind}`);
    await page.getByLabel("Token").fill(TOKEN);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "The office" }).waitFor();
    await looked(page, `office-${kind}`);
    if (kind === "phone") {
      await page.getByRole("button", { name: /^Try order.confirmed/ }).first().click();
      await page.getByText("1 parked").waitFor();
    }
    await page.getByRole("button", { name: "Leave the office" }).click();
    await page.getByRole("heading", { name: "For the organiser" }).waitFor();
  }
  assert.deepEqual(complaints, []);
});
