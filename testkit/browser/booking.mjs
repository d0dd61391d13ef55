// Two people on one seat map: what one takes the other sees within a second, and one buys by keyboard alone.
// BASE: the booking service; ADA, BOB: their passes; OUT: a folder for pictures, or nothing.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { withBrowser } from "./browser.mjs";

const { BASE, ADA, BOB, OUT } = process.env;
const EVENT = process.env.EVENT || "recital";
if (OUT) mkdirSync(OUT, { recursive: true });

const complaints = [];

async function enter(open, pass, options = {}) {
  const context = await open({ extraHTTPHeaders: { "Stanchion-Pass": pass }, ...options });
  const page = await context.newPage();
  page.on("pageerror", e => complaints.push(String(e)));
  page.on("console", m => m.type() === "error" && !/favicon|40[249]/.test(m.text()) && complaints.push(m.text()));
  return page;
}

async function axe(page, where) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(v => ["serious", "critical"].includes(v.impact));
  assert.deepEqual(serious.map(v => [v.id, v.nodes[0].html]), [], where);
}

const shot = async (page, name) => OUT && page.screenshot({ path: `${OUT}/${name}.png`, fullPage: true });
const name = page => page.evaluate(() => document.activeElement.getAttribute("aria-label"));
const said = page => page.locator("#said").textContent();

await withBrowser(async open => {
  const ada = await enter(open, ADA, { viewport: { width: 1280, height: 800 } });
  const bob = await enter(open, BOB, { viewport: { width: 320, height: 640 }, hasTouch: true, colorScheme: "dark", reducedMotion: "reduce" });
  for (const page of [ada, bob]) await page.goto(`${BASE}/events/${EVENT}`);
  await axe(ada, "the map, light");
  await axe(bob, "the map, dark and small");
  assert.equal(await bob.evaluate(() => document.documentElement.scrollWidth), 320, "only the map scrolls sideways");

  // Bob chooses by touch what Ada is about to take.
  await bob.locator("#stalls-C-2").tap();
  await bob.locator("#stalls-C-5").tap();
  assert.match(await said(bob), /^Row C seat 5 chosen\. 2 seats, EUR 90\.00\.$/);
  await shot(bob, "phone-dark-chosen");

  // Ada: one stop for the whole map, then arrows.
  await ada.locator("header a").focus();
  for (let n = 0; n < 12 && !(await name(ada))?.startsWith("Row"); n++) await ada.keyboard.press("Tab");
  assert.equal(await name(ada), "Row C seat 1, 45.00, free");
  await ada.keyboard.press("ArrowRight");
  await ada.keyboard.press("Enter");
  await ada.keyboard.press("ArrowDown");
  assert.equal(await name(ada), "Row D seat 2, 29.00, free", "the nearest seat of the next row");
  await ada.keyboard.press("ArrowUp");
  await ada.keyboard.press("ArrowRight");
  await ada.keyboard.press("Space");
  await shot(ada, "desktop-light-chosen");
  const [second, third] = [await said(ada), await ada.locator("#chosen").textContent()];
  assert.match(second, /chosen\. 2 seats, EUR 90\.00\.$/);
  await bob.evaluate(id => {
    new MutationObserver(() => { self.seen ??= Date.now(); }).observe(document.getElementById(id), { attributes: true });
  }, "stalls-C-2");
  await ada.keyboard.press("Tab");
  const pressed = Date.now();
  await ada.keyboard.press("Enter");
  await bob.waitForFunction(() => self.seen, null, { timeout: 10_000 });
  const after = await bob.evaluate(() => self.seen) - pressed;
  assert.ok(after < 1_000, `seen after ${after} ms`);
  assert.equal(await said(bob), "1 seat, EUR 45.00.", third);
  const lost = "Stalls, row C, seat 2 has just been taken by somebody else; what else you chose is still yours to take.";
  assert.equal(await bob.locator("#problem").textContent(), lost);
  assert.equal(await bob.locator("#stalls-C-2").getAttribute("aria-label"), "Row C seat 2, 45.00, taken");
  await shot(bob, "phone-dark-lost");

  // Ada pays, by keyboard.
  await ada.waitForURL(/\/orders\//);
  await axe(ada, "the basket");
  const clock = await ada.locator("#clock").textContent();
  assert.match(clock, /^[45]:\d\d$/);
  await shot(ada, "desktop-light-basket");
  await ada.locator("header a").focus();
  for (let n = 0; n < 6 && (await ada.evaluate(() => document.activeElement.id)) !== "name"; n++) await ada.keyboard.press("Tab");
  await ada.keyboard.type("Ada");
  await ada.keyboard.press("Enter");
  await ada.getByRole("heading", { name: "Paid. See you there!" }).waitFor();
  await axe(ada, "the confirmation");
  await shot(ada, "desktop-light-paid");

  // Bob's connection breaks; what happens meanwhile is there when it is back.
  await bob.locator("#stalls-C-5").tap();
  assert.match(await said(bob), /given up\. No seats chosen\.$/);
  await bob.context().setOffline(true);
  const headers = { "Stanchion-Pass": ADA, "Content-Type": "application/json", "Idempotency-Key": "meanwhile" };
  const held = await fetch(`${BASE}/api/v1/holds`, { method: "POST", headers, body: JSON.stringify({ event: EVENT, seats: ["stalls-D-7"] }) });
  assert.equal(held.status, 201);
  await bob.context().setOffline(false);
  await bob.locator("#stalls-D-7.x").waitFor({ state: "attached", timeout: 20_000 });
  assert.deepEqual(complaints.filter(c => !/ERR_INTERNET_DISCONNECTED/.test(c)), []);
  console.log(`seen after ${after} ms`);
});
