// Looks at the waiting page as visitors meet it. BASE is a server with /page, /status, /script, /document and /counts.
// ALL=1 looks at every language, state and sample instead of a spread of them.
// Time is the test's own wherever a page would have to wait: nothing here sleeps and hopes.
import assert from "node:assert/strict";
import { AxeBuilder } from "@axe-core/playwright";
import { withBrowser } from "./browser.mjs";

const { BASE } = process.env;
const LANGUAGES = ["en", "ar", "de", "es", "fr", "he", "ja", "ko", "pt", "ru", "th", "vi", "zh-Hans", "zh-Hant"];
const VIEWS = ["Open", "Queueing", "Paused", "Prequeue", "Full", "Closed", "Recovering", "TicketReplaced", "PlaceLapsed",
  "SessionEnded", "LineFull", "stale", "message", "unknown"];
const ALL = !!process.env.ALL;
/** All, or a spread of `most` of them. */
const some = (list, most) => ALL ? list : list.filter((_, i) => i % Math.ceil(list.length / most) === 0);
const EMPTY = { position: null, waiting: null, wait_seconds: null };

/** Which test is running: the server keeps their scripts apart. */
let run = 0;
const script = answers => fetch(`${BASE}/script?run=${run}`, { method: "POST", body: answers.map(a => typeof a === "object" ? JSON.stringify(a) : String(a)).join("\n") });
const counts = async () => (await fetch(`${BASE}/counts?run=${run}`)).json();
const documentOf = async view => (await fetch(`${BASE}/document/${view}`)).json();
const text = (page, key) => page.locator(`[data-s=${key}]`).textContent();
const path = (view, query = {}) => `${BASE}/page/${view}?${new URLSearchParams({ run, ...query })}`;

/** Asks until `ask()` is true, for at most ten seconds. */
async function until(what, ask) {
  for (const end = Date.now() + 10_000; Date.now() < end; await new Promise(r => setTimeout(r, 20))) if (await ask()) return;
  assert.fail(`not within ten seconds: ${what}`);
}

/** A page whose clock only moves when told to; its worker's clock cannot be held, so it has none. */
async function held(open, view, query = {}, options = {}) {
  const context = await open(options);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", m => ["error", "warning"].includes(m.type()) && !/Failed to load resource/.test(m.text()) && complaints.push(m.text()));
  page.on("pageerror", e => complaints.push(String(e)));
  await page.addInitScript(() => {
    self.Worker = undefined;
    self.seen = { hidden: false, said: [] };
    Object.defineProperty(document, "hidden", { get: () => self.seen.hidden });
    addEventListener("DOMContentLoaded", () => {
      const live = document.querySelector("[data-s=live]");
      if (live) new MutationObserver(() => live.textContent && self.seen.said.push(live.textContent)).observe(live, { childList: true, characterData: true, subtree: true });
    });
  });
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.goto(path(view, { lang: "en", ...query }));
  const pass = async ms => {
    const before = (await counts()).polls;
    await page.clock.runFor(ms);
    return async () => (await counts()).polls - before;
  };
  const said = () => page.evaluate(() => self.seen.said);
  const hide = hidden => page.evaluate(h => { self.seen.hidden = h; document.dispatchEvent(new Event("visibilitychange")); }, hidden);
  return { page, context, complaints, pass, said, hide };
}

const tests = {
  async "the place falls without a reload, and the one who is admitted goes in"(open) {
    const waiting = { ...await documentOf("Queueing"), refresh_ms: 500 };
    await script([{ ...waiting, position: 900 }, { ...waiting, position: 2 }, { ...waiting, status: "admitted", ...EMPTY }]);
    const page = await (await open()).newPage();
    const complaints = [];
    page.on("console", m => m.type() === "error" && complaints.push(m.text()));
    const places = [];
    await page.exposeFunction("place", p => { places.push(p); });
    await page.addInitScript(() => addEventListener("DOMContentLoaded", () => {
      const b = document.querySelector("[data-s=position]");
      if (b) new MutationObserver(() => self.place(b.textContent + "|" + document.title)).observe(b, { childList: true });
    }));
    await page.goto(path("Queueing", { lang: "en", refresh_ms: 500 }));
    await until("a worker keeps the time", () => page.workers().length === 1 || places.length > 0);
    await page.getByRole("heading", { name: "Inside" }).waitFor({ timeout: 10_000 });
    assert.ok(places[0].startsWith("900|(900) You are in line"), places[0]);
    assert.ok(places[1].startsWith("2|(2) "), places[1]);
    assert.equal((await counts()).pages, 1, "the page was loaded once");
    assert.deepEqual(complaints, []);
  },

  async "the page is one request, and under 14 KB"(open) {
    await script([await documentOf("Queueing")]);
    const page = await (await open()).newPage();
    const asked = [];
    page.on("request", r => asked.push(r.url()));
    const response = await page.goto(path("SessionEnded", { lang: "th" }));
    await page.waitForLoadState("networkidle");
    const outside = asked.filter(url => !url.startsWith("blob:") && !url.startsWith("data:"));
    assert.deepEqual(outside, [response.url()]);
    const { responseBodySize, responseHeadersSize } = await response.request().sizes();
    assert.ok(responseBodySize + responseHeadersSize < 15_000, `${responseBodySize} + ${responseHeadersSize} bytes`);
  },

  async "without JavaScript the page refreshes by itself"(open) {
    await script(["500"]);
    const page = await (await open({ javaScriptEnabled: false })).newPage();
    await page.goto(path("Queueing", { lang: "en", refresh_ms: 600_000 }));
    assert.equal(await text(page, "position"), "4,211");
    assert.equal((await page.locator("footer noscript").innerText()).trim(), ". This page refreshes by itself.");
    assert.ok(!(await page.locator("button").first().isVisible()), "no button that could not work");
    await script(["500"]);
    // Browsers take a refresh of an address with a fragment for a jump within the page.
    await page.goto(path("Queueing", { lang: "en", refresh_ms: 1000 }) + "#seats", { waitUntil: "commit" });
    await until("the page came again", async () => (await counts()).pages >= 2);
    assert.equal((await counts()).polls, 0);
  },

  async "with JavaScript it is never reloaded by the refresh meant for others"(open) {
    await script([{ ...await documentOf("Queueing"), refresh_ms: 60_000 }]);
    const { page, pass } = await held(open, "Queueing", { refresh_ms: 1000 });
    const polls = await pass(1_100);
    await until("one poll", async () => await polls() === 1);
    await page.waitForTimeout(1_500); // The refresh of a noscript would come after one second of real time.
    assert.equal((await counts()).pages, 1);
  },

  async "a newcomer is told that the place is not known yet, then the place"(open) {
    const waiting = { ...await documentOf("Queueing"), refresh_ms: 1_000 };
    await script([{ ...waiting, position: null, wait_seconds: null }, { ...waiting, position: 7 }]);
    const { page, pass, said, complaints } = await held(open, "unknown", { refresh_ms: 1_000 });
    const shown = key => page.locator(`[data-s=${key}]`).isVisible();
    assert.deepEqual([await shown("untold"), await shown("position")], [true, false]);
    assert.match(await page.locator("[data-s=untold]").innerText(), /Your place in line\s*not known yet/);
    await pass(1_050);
    await until("still not known", async () => (await counts()).polls === 1 && await shown("untold"));
    await pass(1_050);
    await until("known", async () => await text(page, "position") === "7" && !await shown("untold"));
    assert.ok((await said()).some(s => /place in line\s*7\b/.test(s)), "it is read aloud");
    assert.deepEqual(complaints, []);
  },

  async "the live region speaks at halves and near the head, not at each poll"(open) {
    const waiting = { ...await documentOf("Queueing"), refresh_ms: 10_000 };
    const falls = Array.from({ length: 60 }, (_, i) => ({ ...waiting, position: 4_200 - 35 * i }));
    await script(falls);
    const { page, pass, said } = await held(open, "Queueing", { refresh_ms: 10_000 });
    for (let i = 0; i < 60; i++) {
      const polls = await pass(10_050);
      // The answer before may have been read late, and the clock stands: a little more of it, until the poll is there.
      await until(`poll ${i}`, async () => await polls() >= 1 || (await page.clock.runFor(200), false));
    }
    await until("the last place is shown", async () => await text(page, "position") === "2,135");
    const heard = await said();
    assert.ok(heard.length <= 1, `heard ${heard.length}: ${heard.join(" / ")}`);
    await script([{ ...waiting, position: 3 }]);
    const polls = await pass(10_050);
    await until("the poll", async () => await polls() >= 1);
    await until("the place near the head is said", async () => (await said()).some(s => /place in line\s*3\b/.test(s)));
    assert.ok((await said()).every(s => !/null|undefined|NaN/.test(s)));
  },

  async "a change of state, its reason and the operator's words are shown and said"(open) {
    const paused = { ...await documentOf("Paused"), refresh_ms: 1_000 };
    await script([paused]);
    const { page, pass, said, complaints } = await held(open, "Queueing", { refresh_ms: 1_000 });
    await pass(1_100);
    await until("the pause is shown", async () => await text(page, "heading") === "The line is paused");
    assert.equal(await text(page, "reason"), paused.paused_reason);
    assert.ok(await page.locator("[data-s=wait]").isHidden(), "no wait while nothing moves");
    await until("the pause is said", async () => (await said()).some(s => s.includes("paused") && s.includes(paused.paused_reason)));
    const hostile = "<img src=x onerror=alert(1)> \"quoted\" & 'so' </script>";
    await script([{ ...paused, message: hostile }]);
    await pass(1_100);
    await until("the words are shown as they are", async () => await text(page, "message") === hostile);
    await until("the words are said", async () => (await said()).includes(hostile));
    assert.equal(await page.locator("img").count(), 0);
    await script([{ ...await documentOf("Queueing"), refresh_ms: 1_000 }]);
    await pass(1_100);
    await until("the line moves again", async () => await text(page, "heading") === "You are in line");
    assert.ok(await page.locator("[data-s=reason]").isHidden());
    assert.ok(await page.locator("[data-s=message]").isHidden());
    assert.deepEqual(complaints, []);
  },

  async "a hidden tab polls less, except near the head, and asks at once when seen"(open) {
    const far = { ...await documentOf("Queueing"), refresh_ms: 20_000 };
    await script([{ ...far, position: 900 }, { ...far, position: 800 }, { ...far, position: 700 }]);
    const { page, pass, hide } = await held(open, "Queueing", { refresh_ms: 20_000 });
    // Once an answer is shown, the next poll is planned.
    const shown = place => until(`place ${place}`, async () => await text(page, "position") === place);
    await pass(20_100);
    await shown("900");
    await hide(true);
    await pass(20_100); // This one had been planned before the tab was hidden.
    await shown("800");
    const more = await pass(29_000);
    assert.equal(await more(), 0, "hidden: half as much time again");
    await hide(false); // Seen again: at once.
    await shown("700");
    await script([{ ...far, position: 20, refresh_ms: 3_000 }, { ...far, position: 19, refresh_ms: 3_000 }]);
    await pass(20_100);
    await shown("20");
    await hide(true);
    await pass(3_100); // Hidden and near: as told.
    await shown("19");
  },

  async "a lost connection keeps the last figures, says so once, and backs off"(open) {
    const waiting = { ...await documentOf("Queueing"), refresh_ms: 1_000 };
    await script(["drop"]);
    const { page, pass, said } = await held(open, "Queueing", { refresh_ms: 1_000 });
    for (let i = 0; i < 40; i++) await pass(1_000);
    await until("it is shown", async () => page.locator("[data-s=offline]").isVisible());
    assert.equal(await text(page, "position"), "4,211");
    assert.ok(/minutes? ago|seconds ago/.test(await text(page, "updated")), await text(page, "updated"));
    const tried = (await counts()).polls;
    assert.ok(tried >= 3 && tried <= 12, `${tried} attempts in 40 s`);
    assert.equal((await said()).filter(s => s.startsWith("No connection")).length, 1);
    await script([{ ...waiting, position: 4_000 }]);
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await until("back, and told", async () => await text(page, "position") === "4,000");
    assert.ok(await page.locator("[data-s=offline]").isHidden());
  },

  async "a refusal with Retry-After, or an answer that is no status, changes nothing"(open) {
    await script(["503", "<html>", "{}", "[]", "null", "503"]);
    const { page, pass, complaints } = await held(open, "Queueing", { refresh_ms: 1_000 });
    for (let i = 0; i < 30; i++) await pass(5_000);
    assert.equal(await text(page, "position"), "4,211");
    assert.equal(await text(page, "heading"), "You are in line");
    assert.ok((await counts()).polls >= 4);
    assert.deepEqual(complaints, []);
  },

  async "one whom the site sends back again and again is not sent round in circles"(open) {
    await script([{ ...await documentOf("Queueing"), status: "admitted", ...EMPTY }]);
    const { page, pass } = await held(open, "Queueing", { refresh_ms: 1_000 });
    await page.evaluate(() => sessionStorage.setItem("stanchion", Date.now()));
    await pass(1_100);
    await until("told", async () => await text(page, "heading") === "It is your turn!");
    await page.clock.runFor(9_000);
    assert.equal(await text(page, "heading"), "It is your turn!", "not sent round yet");
    await page.clock.runFor(2_000);
    await page.getByRole("heading", { name: "Inside" }).waitFor();
  },

  async "progress is counted from the first place seen, also after the tab was closed"(open) {
    await script([await documentOf("Queueing")]);
    const context = await open();
    const bar = page => page.getByRole("progressbar").getAttribute("aria-valuenow");
    let page = await context.newPage();
    await page.goto(path("Queueing", { lang: "en" }));
    await until("begins at nothing", async () => await bar(page) === "0");
    await page.close();
    page = await context.newPage();
    await page.goto(path("Queueing", { lang: "en", position: 1054 }));
    await until("three quarters", async () => await bar(page) === "74");
  },

  async "sound and notification are there for who wants them"(open) {
    const waiting = { ...await documentOf("Queueing"), refresh_ms: 1_000 };
    await script([waiting]);
    const context = await open();
    await context.addInitScript(() => {
      self.shown = [];
      self.Notification = class { static permission = "default"; static requestPermission = async () => "granted"; constructor(title) { self.shown.push(title); } };
    });
    const page = await context.newPage();
    await page.goto(path("Queueing", { lang: "en" }));
    const [sound, notify] = [page.getByRole("button", { name: "Play a sound" }), page.getByRole("button", { name: "Notify me" })];
    await sound.click();
    await notify.click();
    await until("both pressed", async () => await sound.getAttribute("aria-pressed") === "true" && await notify.getAttribute("aria-pressed") === "true");
    assert.deepEqual(await page.evaluate(() => self.shown), ["Riverside Tickets"]);
    await sound.click();
    await until("off again", async () => await sound.getAttribute("aria-pressed") === "false");
    await context.close();
  },

  async "the countdown runs"(open) {
    await script([await documentOf("Prequeue")]);
    const { page, pass } = await held(open, "Prequeue", { refresh_ms: 500_000 });
    await pass(1_000);
    const read = async () => { const [h, m, s] = (await text(page, "opens")).split(":").map(Number); return h * 3600 + m * 60 + s; };
    const first = await read();
    assert.ok(first > 3_590 && first <= 3_600, String(first));
    await pass(60_000);
    assert.equal(first - await read(), 60);
  },

  async "the browser says what the server says, in every language"(open) {
    const samples = [[1, 10, 50, 3], [2, 30, 60, 21], [21, 60, 120, 101], [4_211, 620, 1_100, 12_000], [105, 200, 300, 1_105],
      [1_000_000, 4_000, 9_000, 2_000_001], [5, 3_700, 90_000, 11]];
    const { page, pass } = await held(open, "Queueing", { refresh_ms: 1_000 });
    const plain = await (await open({ javaScriptEnabled: false })).newPage();
    for (const lang of LANGUAGES) {
      await page.goto(path("Queueing", { lang, refresh_ms: 1_000 }));
      for (const [position, low, high, waiting] of some(samples, 2)) {
        await script([{ ...await documentOf("Queueing"), refresh_ms: 1_000, position, waiting, wait_seconds: { low, high } }]);
        await pass(1_100);
        await plain.goto(path("Queueing", { lang, position, low, high, waiting, refresh_ms: 600_000 }));
        await until(`${lang}: place ${position}`, async () => await text(page, "position") === await text(plain, "position"));
        for (const key of ["ahead", "waiting", "wait", "heading", "why"]) assert.equal(await text(page, key), await text(plain, key), `${lang} ${key}`);
      }
    }
  },

  async "every language fits 320 px in every state, in its direction"(open) {
    await script(["500"]);
    const context = await open({ viewport: { width: 320, height: 568 } });
    const page = await context.newPage();
    for (const [i, lang] of LANGUAGES.entries()) {
      for (const view of ALL ? VIEWS : ["Queueing", VIEWS[i]]) {
        await page.goto(path(view, { lang, refresh_ms: 600_000, position: view === "Queueing" ? 1_234_567 : undefined }).replace("position=undefined", ""));
        const seen = await page.evaluate(() => ({ lang: document.documentElement.lang, dir: getComputedStyle(document.body).direction, wide: document.documentElement.scrollWidth, h1: document.querySelector("h1").textContent }));
        assert.equal(seen.lang, lang);
        assert.equal(seen.dir, ["ar", "he"].includes(lang) ? "rtl" : "ltr");
        assert.ok(seen.wide <= 320, `${lang} ${view}: ${seen.wide} px wide`);
        assert.ok(seen.h1.length > 0);
      }
    }
    await page.goto(path("message", { lang: "en", message: "w".repeat(500), title: "T".repeat(200) }));
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 320, "an unbroken word of 500 letters");
  },

  async "less motion for those who ask for it"(open) {
    await script([await documentOf("Queueing")]);
    const page = await (await open({ reducedMotion: "reduce" })).newPage();
    await page.goto(path("Queueing", { lang: "en" }));
    assert.equal(await page.locator("[data-s=rope]").evaluate(e => getComputedStyle(e).transitionProperty), "none");
  },

  async "axe finds nothing serious, light and dark, in every state"(open) {
    await script(["500"]);
    const urls = some(VIEWS, 5).map(view => path(view, { lang: "en", refresh_ms: 600_000 }));
    urls.push(path("message", { lang: "ar", refresh_ms: 600_000 }), path("Prequeue", { lang: "th", refresh_ms: 600_000 }));
    for (const status of ALL ? [400, 404, 411, 414, 421, 429, 431, 500, 502, 503, 504] : [404, 503]) urls.push(`${BASE}/refusal/${status}?lang=en`);
    for (const colorScheme of ["light", "dark"]) {
      const context = await open({ colorScheme, extraHTTPHeaders: { Accept: "text/html" } });
      const page = await context.newPage();
      for (const url of urls) {
        await page.goto(url);
        const { violations } = await new AxeBuilder({ page }).analyze();
        const bad = violations.filter(v => ["serious", "critical"].includes(v.impact)).map(v => `${v.id}: ${v.nodes.map(n => n.html).join(" ")}`);
        assert.deepEqual(bad, [], `${colorScheme} ${url}`);
        const lesser = violations.map(v => v.id);
        assert.deepEqual(lesser, [], `${colorScheme} ${url}`);
      }
      await context.close();
    }
  },
};

let failed = 0;
await withBrowser(async open => {
  for (const [name, test] of Object.entries(tests)) {
    if (process.env.ONLY && !name.includes(process.env.ONLY)) continue;
    const contexts = [];
    run++;
    const begun = Date.now();
    try {
      await test(async options => { const c = await open(options); contexts.push(c); return c; });
      console.log(`ok    ${name} (${Date.now() - begun} ms)`);
    } catch (error) {
      failed++;
      console.log(`FAIL  ${name}\n      ${error.stack.split("\n").slice(0, 14).join("\n      ")}`);
    }
    for (const context of contexts) await context.close();
  }
});
process.exit(failed ? 1 : 0);
