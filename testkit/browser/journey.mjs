// A visitor's whole way: joins a paused line, sees the place fall when it moves, goes in without doing anything, books a
// seat through the form. Once with the page's script, once without. BASE: the edge; ADMIN, TOKEN: its admin plane;
// OUT: a folder for pictures.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { withBrowser } from "./browser.mjs";

const { BASE, ADMIN, TOKEN, OUT } = process.env;
const ROOM = `${ADMIN}/api/v1/rooms/sale`;
const headers = { Authorization: `Bearer ${TOKEN}` };
/** Longer than anything that works takes, on a busy machine too. */
const PATIENCE = 90_000;
mkdirSync(OUT, { recursive: true });

const room = async () => (await fetch(ROOM, { headers })).json();

async function patch(change) {
  const answer = await fetch(ROOM, { method: "PATCH", headers: { ...headers, "Content-Type": "application/merge-patch+json", "If-Match": "*" }, body: JSON.stringify(change) });
  assert.equal(answer.status, 200, await answer.text());
}

async function until(what, ask) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; await new Promise(r => setTimeout(r, 50))) if (await ask()) return;
  assert.fail(`not in time: ${what}`);
}

/** Others, who stand in line before our visitor: apps that keep asking, as they are told to. */
class Others {
  constructor(count) { this.jars = Array.from({ length: count }, () => ({})); }
  async join() { for (const jar of this.jars) { await this.ask(jar); await this.ask(jar); } }
  async ask(jar) {
    const cookie = Object.entries(jar).map(([k, v]) => `${k}=${v}`).join("; ");
    const answer = await fetch(`${BASE}/.well-known/stanchion/rooms/sale/status`, { headers: cookie ? { cookie } : {} });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (/Max-Age=0/.test(line)) delete jar[name]; else jar[name] = value;
    }
    return await answer.json();
  }
  /** Polls until stopped. */
  run() {
    let on = true;
    const done = (async () => { while (on) { for (const jar of this.jars) await this.ask(jar); await new Promise(r => setTimeout(r, 1_000)); } })();
    return async () => { on = false; await done; };
  }
}

async function journey(open, javaScriptEnabled) {
  const name = javaScriptEnabled ? "script" : "plain";
  await patch({ paused: { reason: "We open in a moment." } });
  await until("paused", async () => (await room()).state === "paused");
  const others = new Others(8);
  await others.join();
  await until("they are in line", async () => (await room()).line.waiting >= 8);

  const context = await open({ javaScriptEnabled });
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", e => wrong.push(String(e)));
  page.on("console", m => m.type() === "error" && !/favicon|429|503/.test(m.text()) && wrong.push(m.text()));
  const shot = step => page.screenshot({ path: `${OUT}/${name}-${step}.png`, fullPage: true });
  await page.goto(`${BASE}/`);
  assert.ok((await page.content()).includes("We open in a moment."), "the operator's reason is shown");
  await shot("1-paused");

  const places = [];
  const place = async () => {
    const shown = page.locator("[data-s=position]");
    // The page may be changing under us: then there is no place to read.
    const text = await shown.textContent({ timeout: 500 }).catch(() => null);
    const number = text && Number(text.replace(/\D/g, ""));
    if (number && places.at(-1) !== number) places.push(number);
  };
  await until("a place is shown", async () => { await place(); return places.length > 0; });
  assert.ok(places[0] > 8, `behind the others: ${places}`);
  await patch({ paused: null, rate: "60/min" });
  const stop = others.run();
  let pictured = false;
  await until("inside", async () => {
    await place();
    if (!pictured && places.length > 1) { pictured = true; await shot("2-moving"); }
    return await page.getByRole("heading", { name: "What would you like to see" }).isVisible().catch(() => false);
  });
  await stop();
  assert.ok(places.length > 1, `the place was seen to fall: ${places}`);
  assert.deepEqual(places, [...places].sort((a, b) => b - a), `it never rises: ${places}`);
  await shot("3-inside");

  await page.locator("a.card").first().click();
  await page.getByLabel("Seats").selectOption("2");
  await page.getByRole("button", { name: "Hold" }).click();
  await page.getByLabel("Name on the order").fill("Ada <b>& Co</b>");
  await shot("4-form");
  await page.getByRole("button", { name: /^Pay/ }).click();
  await page.getByRole("heading", { name: "Paid" }).waitFor({ timeout: PATIENCE });
  const said = await page.locator("main").innerText();
  assert.ok(said.includes("2 seats for Ada <b>& Co</b>"), said);
  await shot("5-booked");
  await page.getByRole("button", { name: "others use this device" }).click();
  await page.getByRole("heading", { name: "Thank you" }).waitFor({ timeout: PATIENCE });
  const left = (await context.cookies()).filter(c => c.name.includes("stanchion"));
  assert.deepEqual(left.map(c => c.name), [], "the slot was given back, and nothing is left in the browser");
  assert.deepEqual(wrong, []);
  console.log(`ok    ${name}: places ${places.join(" ")}`);
  await context.close();
}

await withBrowser(async open => {
  await journey(open, true);
  await journey(open, false);
});
