// Starts a Chromium that talks to nobody but the page under test, with a fresh profile that is removed afterwards.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const args = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-default-browser-check",
];

/** Calls `use(open)`; `open(options)` gives a fresh context in the same browser. */
export async function withBrowser(use) {
  const profile = mkdtempSync(join(tmpdir(), "stanchion-browser-"));
  const env = { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile };
  const browser = await chromium.launch({ executablePath: process.env.STANCHION_CHROMIUM, headless: true, args, env });
  try {
    await use((options = {}) => browser.newContext({ locale: "en-GB", viewport: { width: 390, height: 844 }, ...options }));
  } finally {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
