// A new place that costs something: by work in the page, over plain HTTP elsewhere than on this machine too (no
// crypto.subtle), and with JavaScript off by waiting. BASE: an edge that asks everybody; OUT: a folder for pictures.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { withBrowser } from "./browser.mjs";

const { BASE, OUT } = process.env;
const PATIENCE = { timeout: 60_000 };
mkdirSync(OUT, { recursive: true });

async function enters(open, name, options, before = async () => {}) {
  const context = await open(options);
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", e => wrong.push(String(e)));
  page.on("console", m => m.type() === "error" && !/favicon|403/.test(m.text()) && wrong.push(m.text()));
  await before(page);
  const began = Date.now();
  const first = await page.goto(`${BASE}/page?x=1#part`, { waitUntil: "domcontentloaded" });
  assert.equal(first.status(), 403);
  await page.locator("body:not([data-state=challenge])").waitFor({ state: "attached", ...PATIENCE });
  console.log(`ok    ${name}: in after ${Date.now() - began} ms`);
  const part = options.javaScriptEnabled === false ? "" : "#part";
  assert.equal(page.url(), `${BASE}/page?x=1${part}`);
  assert.deepEqual(wrong, []);
  // Who is in is not asked again.
  assert.equal((await page.goto(`${BASE}/other`)).status(), 200);
  await context.close();
}

/** A page that never gets its answer through, to be looked at. */
async function pictures(open, locale, width) {
  const context = await open({ locale, viewport: { width, height: 844 } });
  const page = await context.newPage();
  await page.addInitScript(() => { self.Worker = undefined; });
  await page.goto(`${BASE}/page`);
  await page.screenshot({ path: `${OUT}/challenge-${locale}-${width}.png`, fullPage: true });
  const { scrollWidth, clientWidth } = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return { scrollWidth, clientWidth };
  });
  assert.ok(scrollWidth <= clientWidth, `${locale} at ${width}: ${scrollWidth} > ${clientWidth}`);
  const found = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(found.violations.filter(v => ["serious", "critical"].includes(v.impact)).map(v => v.id), []);
  await context.close();
}

await withBrowser(async open => {
  await enters(open, "by work", {});
  await enters(open, "by work without crypto.subtle", {}, page => page.addInitScript(() => {
    const Real = Blob, hide = "Object.defineProperty(self.crypto, 'subtle', { value: undefined });";
    self.Blob = class extends Real { constructor(parts) { super([hide, ...parts]); } };
  }));
  await enters(open, "with JavaScript off", { javaScriptEnabled: false });
  for (const locale of ["en", "th", "ar"]) for (const width of [390, 1280]) await pictures(open, locale, width);
});
