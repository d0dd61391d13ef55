// Every page of a buyer's way: looked at by axe, not wider than the screen, with and without a script, in four languages.
// BASE: the booking service; PASSES: of eight visitors; OUT: a folder for pictures, or nothing. With STANCHION_LONG axe looks at
// every page in every form; without it, at those of the smallest screen, and a middling screen is left out.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { withBrowser } from "./browser.mjs";

const { BASE, OUT, STANCHION_LONG } = process.env;
const passes = process.env.PASSES.split(" ");
if (OUT) mkdirSync(OUT, { recursive: true });
const complaints = [];

async function looked(page, name, script) {
  // A drawing of thousands of seats is looked at by booking.mjs, in a smaller hall.
  if (script && !name.includes("section")) {
    if (STANCHION_LONG || name.startsWith("small")) {
      const { violations } = await new AxeBuilder({ page }).analyze();
      const serious = violations.filter(v => ["serious", "critical"].includes(v.impact));
      assert.deepEqual(serious.map(v => [v.id, v.nodes[0].html]), [], name);
    }
    const [wide, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= view, `${name} scrolls sideways: ${wide} > ${view}`);
  }
  if (OUT) await page.screenshot({ path: `${OUT}/${name}.png`, fullPage: true });
}

async function way(open, kind, pass, options) {
  const script = options.javaScriptEnabled !== false, began = performance.now();
  const context = await open({ extraHTTPHeaders: { "Stanchion-Pass": pass }, ...options });
  const page = await context.newPage();
  page.on("pageerror", e => complaints.push(String(e)));
  page.on("console", m => m.type() === "error" && !/favicon|40[0-9]/.test(m.text()) && complaints.push(m.text()));
  const brief = Boolean(options.locale);
  const see = async (path, name) => { await page.goto(BASE + path); await looked(page, `${kind}-${name}`, script); };

  await see("/", "1-front");
  await see("/?search=harbour", "1-found");
  await see("/?search=nothing+of+the+kind", "1-not-found");
  await see("/events/gala", "2-event");
  await see("/events/arena", "3-sections");
  if (!brief) await see("/events/arena?section=north", "4-section");
  await see("/polls/encore", "5-poll");
  await page.locator("input[type=radio]").nth(1).check();
  await page.locator("main form button").click();
  await page.getByRole("status").waitFor();
  await looked(page, `${kind}-6-voted`, script);
  await see("/campaigns/early", "7-coupons");
  await page.locator("main form button").click();
  await page.locator(".reference").waitFor();
  await looked(page, `${kind}-8-coupon`, script);

  await page.goto(`${BASE}/events/arena`);
  await page.locator("#count").selectOption("2");
  await page.locator("main form button").first().click();
  await page.waitForURL(/\/orders\//);
  if (script) assert.match(await page.locator("#clock").textContent(), /^[45]:\d\d$/);
  else assert.match(await page.locator("main").innerText(), /\d\d:\d\d UTC/);
  await looked(page, `${kind}-9-basket`, script);
  await page.locator("#code").fill("NOTHING");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  await looked(page, `${kind}-10-code-refused`, script);
  await page.locator("#code").fill("SPRING");
  await page.keyboard.press("Enter");
  await page.locator(".off").waitFor();
  await looked(page, `${kind}-11-code`, script);
  await page.locator("#name").fill("Ada");
  await page.locator("#card").selectOption("decline");
  await page.locator("#name").press("Enter");
  await page.getByRole("alert").waitFor();
  assert.equal(await page.locator("#name").inputValue(), "Ada");
  await looked(page, `${kind}-12-declined`, script);
  await page.locator("#card").selectOption("approve");
  await page.locator("#name").press("Enter");
  await page.locator(".codes svg").first().waitFor();
  assert.equal(await page.locator(".codes svg").count(), 2);
  await looked(page, `${kind}-13-paid`, script);
  await see("/", "14-front-with-order");
  await see("/orders/ABCDEFGH23", "15-stranger");
  await context.close();
  console.log(`${kind}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

await withBrowser(async open => {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };
  if (STANCHION_LONG) await way(open, "phone", passes[0], phone);
  await way(open, "small-dark", passes[1], { viewport: { width: 320, height: 640 }, hasTouch: true, colorScheme: "dark", reducedMotion: "reduce" });
  await way(open, "desktop", passes[2], { viewport: { width: 1280, height: 800 } });
  await way(open, "plain", passes[3], { ...phone, javaScriptEnabled: false });
  for (const [n, locale] of ["ko-KR", "th-TH", "vi-VN"].entries()) await way(open, locale, passes[4 + n], { viewport: { width: 320, height: 640 }, locale });
  assert.deepEqual(complaints, []);
});
