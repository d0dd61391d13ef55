// Takes pictures of the waiting page: BASE is the test server, OUT a folder, SHOTS "view:lang:width:scheme,…".
import { withBrowser } from "./browser.mjs";

const { BASE, OUT, SHOTS } = process.env;
await withBrowser(async open => {
  for (const shot of SHOTS.split(",")) {
    const [view, lang, width, colorScheme] = shot.split(":");
    const viewport = width === "desktop" ? { width: 1280, height: 800 } : width === "phone" ? { width: 390, height: 844 } : { width: +width, height: 640 };
    const context = await open({ viewport, colorScheme, locale: lang, deviceScaleFactor: width === "phone" ? 2 : 1 });
    const page = await context.newPage();
    const seen = new URL(`/page/${view}`, BASE);
    seen.searchParams.set("lang", lang);
    if (process.env.QUERY) seen.search += "&" + process.env.QUERY;
    await page.addInitScript(first => { if (first && !localStorage["stanchion:sale"]) localStorage["stanchion:sale"] = first; }, process.env.FIRST || "");
    await page.goto(seen.href);
    await page.waitForTimeout(1200);
    await page.screenshot({ path: `${OUT}/${view}-${lang}-${width}-${colorScheme}.png` });
    await context.close();
  }
});
