// Keeps a waiting page up to date. Asks when the server said to; speaks little; never loses the last figures.
// Elements are found by data-s, and every one of them may be missing: an operator's own page has what it likes.
const doc = document, now = Date.now, {min, max, ceil, floor} = Math;
const D = JSON.parse(doc.getElementById("stanchion").textContent), T = D.text;
const all = (k, f) => doc.querySelectorAll(`[data-s=${k}]`).forEach(f);
const put = (k, s = "") => all(k, e => { if (e.textContent != s) e.textContent = s; });
const show = (k, on) => all(k, e => { e.hidden = !on; });
const text = k => { let s = ""; all(k, e => { s = row(e).innerText; }); return s; };
const row = e => e.closest("[data-row]") || e;
const fill = (k, s) => { put(k, s || ""); all(k, e => { row(e).hidden = !s; }); };
const L = D.lang + "-u-nu-latn", nf = new Intl.NumberFormat(L), pr = new Intl.PluralRules(L);
const rel = new Intl.RelativeTimeFormat(L, {numeric: "auto"});
const num = n => n == null ? "" : nf.format(n);
const key = () => v.notice == "line-full" ? v.notice : v.state;

let v = D, at = now(), skew = D.now - at, fails = 0, pause = 0, busy, done, due, timer, ring, tell, first;
let said = {k: key(), n: v.position, t: at};

// A wait in words: the same steps as in the server's words.rs.
function span(f, a, b, unit) {
a = max(1, floor(a / unit));
b = ceil(b / unit);
if (unit == 60 && b > 20) { a = max(1, floor(a / 5) * 5); b = ceil(b / 5) * 5; }
return (f[pr.select(b)] || f.other).replace("{n}", a < b ? T.range.replace("{a}", num(a)).replace("{b}", num(b)) : num(b));
}
const wait = w => !w ? T.unknown : w.high < 60 ? T.soon : w.high > 10800 ? span(T.hours, w.low, w.high, 3600) : span(T.minutes, w.low, w.high, 60);

// How far this visitor has come since the first place seen here; a closed tab does not set it back.
function progress(n) {
const k = "stanchion:" + v.room, a = v.arrived_at;
try { first = JSON.parse(localStorage[k]); } catch {}
if (!first || first.a != a || first.n < n) first = {a, n};
try { localStorage[k] = JSON.stringify(first); } catch {}
bar(n == null ? 0 : first.n > 1 ? 100 * (first.n - n) / (first.n - 1) : 100);
}
function bar(p) {
all("bar", e => e.setAttribute("aria-valuenow", floor(p)));
all("rope", e => e.setAttribute("stroke-dasharray", p + " 200"));
}

function draw() {
const k = key(), n = v.position, kept = !/closed|line/.test(k), s = T.state[k] || T.state.queueing, why = v.state == "paused" && v.paused_reason;
const w = n != null && !/paused|prequeue|closed/.test(v.state) && wait(v.wait_seconds);
doc.body.dataset.state = k;
put("heading", s[0]);
put("why", s[1]);
fill("position", num(n));
show("untold", kept && !n);
fill("ahead", n && num(n - 1));
fill("waiting", num(v.waiting));
fill("wait", w);
fill("reason", why);
fill("message", v.message);
fill("notice", T.notice[v.notice]);
show("stale", v.stale);
show("keep", kept);
progress(n);
doc.title = (n ? `(${num(n)}) ` : "") + s[0] + " · " + D.title;
tick();

// The one live region speaks when something changed that matters, not at each poll.
const t = now(), m = v.message || "", near = n && (!said.n || n < said.n && (n <= said.n / 2 || n < 4) && t - said.t > 2e4);
said.m ??= m;
if (k != said.k) say(s.join(". ") + " " + (why || ""));
else if (m && m != said.m) say(m);
else if (near) say(text("position") + ". " + (w ? text("wait") : ""));
else return;
said = {k, n, m, t};
}
const say = s => put("live", s);

function tick() {
if (done) return;
const t = now(), s = floor((t - at) / 1e3), two = n => ("0" + floor(n) % 60).slice(-2);
put("updated", T.updated.replace("{when}", s < 60 ? rel.format(-s, "second") : rel.format(-floor(s / 60), "minute")));
const o = v.state == "prequeue" && v.opens_at && max(0, ceil((Date.parse(v.opens_at) - t - skew) / 1e3));
fill("opens", v.opens_at && o !== false && num(floor(o / 3600)) + ":" + two(o / 60) + ":" + two(o));
if (due && t > due + 5e3) poll();
}

// A worker keeps time where the browser slows the timers of hidden pages down to one a minute.
let clock;
try {
clock = new Worker(URL.createObjectURL(new Blob(["let t;onmessage=e=>{clearTimeout(t);t=setTimeout(postMessage,e.data,0)}"])));
clock.onmessage = poll;
clock.onerror = () => { clock = 0; plan(); };
} catch {}

function plan() {
let ms = min(max(v.refresh_ms, 500), 6e5);
if (fails) ms = max(min(6e4, 1e3 * 2 ** fails), pause) * (.5 + Math.random());
else if (doc.hidden && ms > 15e3) ms *= 1.5;
due = now() + ms;
clearTimeout(timer);
if (clock) clock.postMessage(ms);
else timer = setTimeout(poll, ms);
}

async function poll() {
if (busy || done) return;
busy = 1;
const stop = new AbortController(), late = setTimeout(() => stop.abort(), 1e4);
try {
const r = await fetch(D.url, {headers: {Accept: "application/json"}, cache: "no-store", signal: stop.signal});
pause = 1e3 * r.headers.get("Retry-After") || 0;
if (!r.ok) throw r.status;
const next = await r.json(), date = Date.parse(r.headers.get("Date"));
if (!next.status) throw 0;
v = next;
at = now();
if (date) skew = date + 500 - at;
if (fails > 1) say("");
show("offline", fails = 0);
if (v.status == "admitted") enter();
else draw();
} catch (e) {
if (++fails == 2) { show("offline", 1); say(text("offline")); }
// The room is no more: whoever waited for it goes to see what is there now.
if ((e == 404 || e == 410) && fails > 2) done = setTimeout(go, 5e3);
}
clearTimeout(late);
busy = 0;
if (!done) plan();
}

function enter() {
done = 1;
doc.body.dataset.state = "turn";
put("heading", T.turn);
put("why", T.go);
["position", "untold", "stale", "keep", "updated", "notice", "wait", "ahead", "waiting", "opens", "reason", "sound", "notify"].forEach(k => fill(k));
bar(100);
doc.title = "★ " + T.turn + " · " + D.title;
say(T.turn + " " + T.go);
// Somebody whom the site sends back here again and again is not sent round faster than every ten seconds.
let ms = ring ? 1500 : 400;
try {
if (now() - sessionStorage.stanchion < 15e3) ms = 1e4;
sessionStorage.stanchion = now();
if (ring) chime();
if (tell) new Notification(T.turn, {body: D.title});
} catch {}
setTimeout(go, ms);
}
function go() {
if (D.get && location.hash) location.reload();
else location.replace(D.back || location.pathname + location.search);
}

function chime() {
[660, 880].forEach((hz, i) => {
const o = ring.createOscillator(), g = ring.createGain(), t = ring.currentTime + i / 4;
o.frequency.value = hz;
g.gain.setValueAtTime(.2, t);
g.gain.exponentialRampToValueAtTime(.001, t + .6);
o.connect(g).connect(ring.destination);
o.start(t);
o.stop(t + .6);
});
}
const toggle = (k, can, on) => all(k, b => {
b.hidden = !can;
b.onclick = async () => {
const yes = b.ariaPressed != "true";
try {
await on(yes);
b.ariaPressed = yes;
} catch { b.hidden = true; }
};
});
toggle("sound", self.AudioContext, yes => { ring = yes && new AudioContext(); if (yes) chime(); });
toggle("notify", self.Notification && Notification.permission != "denied", async yes => {
if (yes && await Notification.requestPermission() != "granted") throw 0;
if (tell = yes) new Notification(D.title, {body: doc.title, silent: true});
});

const wake = () => { if (!doc.hidden && (tick(), now() - at > 2e3)) poll(); };
doc.onvisibilitychange = onpageshow = ononline = wake;
setInterval(() => doc.hidden || tick(), 1e3);
show("no-cookies", !navigator.cookieEnabled);
progress(v.position);
tick();
plan();
