// Keeps a waiting page up to date. Told by the server when to ask; says little; never loses the last figures.
// Elements are found by data-s, and every one of them may be missing: an operator's own page has what it likes.
const $ = id => JSON.parse(document.getElementById(id).textContent);
const D = $("stanchion-data"), T = $("stanchion-text"), doc = document;
const all = k => doc.querySelectorAll(`[data-s="${k}"]`);
const put = (k, s) => all(k).forEach(e => { if (e.textContent !== s) e.textContent = s; });
const show = (k, on) => all(k).forEach(e => { e.hidden = !on; });
const fill = (k, s) => { show(k + "-row", s != null); put(k, s == null ? "" : s); };
const nf = new Intl.NumberFormat(D.lang + "-u-nu-latn"), pr = new Intl.PluralRules(D.lang);
const ago = new Intl.RelativeTimeFormat(D.lang + "-u-nu-latn", {numeric: "auto"});

let v = D.view, at = Date.now(), skew = D.now - at, fails = 0, floor = 0;
let busy = 0, done = 0, due = 0, timer, ring, tell;
let said = {k: key(), n: v.position, w: v.message, t: at};

function key() { return v.notice === "line-full" ? v.notice : v.state; }

// A wait in words: the same steps as in the server's words.rs.
function span(f, a, b) {
const n = (a = Math.max(a, 1)) < b ? T.range.replace("{a}", nf.format(a)).replace("{b}", nf.format(b)) : nf.format(b);
return (f[pr.select(b)] || f.other).replace("{n}", n);
}
function wait(w) {
if (!w) return T.unknown;
let a = w.low, b = w.high;
if (b < 60) return T.soon;
if (b > 172800) return span(T.days, Math.floor(a / 86400), Math.ceil(b / 86400));
if (b > 10800) return span(T.hours, Math.floor(a / 3600), Math.ceil(b / 3600));
a = Math.floor(a / 60);
b = Math.ceil(b / 60);
return b > 20 ? span(T.minutes, Math.floor(a / 5) * 5, Math.ceil(b / 5) * 5) : span(T.minutes, a, b);
}

// How far this visitor has come since the first place seen here.
function progress() {
const n = v.position, k = "stanchion:" + v.room;
let f;
try {
f = JSON.parse(localStorage.getItem(k));
if (!f || f.a !== v.arrived_at || !(f.p >= n)) localStorage.setItem(k, JSON.stringify(f = {a: v.arrived_at, p: n}));
} catch (e) { f = progress.f = progress.f || {p: n}; }
return n == null ? 0 : f.p > 1 ? Math.min(100, Math.max(0, 100 * (f.p - n) / (f.p - 1))) : 100;
}
function bar(p) {
all("bar").forEach(e => e.setAttribute("aria-valuenow", Math.round(p)));
all("rope").forEach(e => e.setAttribute("stroke-dasharray", p + " 200"));
}

function draw() {
const k = key(), s = T.state[k] || T.state.queueing, n = v.position, w = wait(v.wait_seconds);
const num = n => n == null ? n : nf.format(n), moves = !/paused|prequeue|closed/.test(v.state);
doc.body.dataset.state = k;
put("heading", s[0]);
put("why", s[1]);
show("place", n != null);
put("position", num(n) || "");
fill("ahead", n == null ? n : num(n - 1));
fill("waiting", num(v.waiting));
fill("wait", moves && n != null ? w : null);
show("reason", k === "paused" && v.paused_reason);
put("reason", v.paused_reason || "");
fill("message", v.message);
show("notice", T.notice[v.notice]);
put("notice", T.notice[v.notice] || "");
show("stale", v.stale);
show("keep", k !== "closed" && k !== "line-full");
bar(progress());
doc.title = (n == null ? "" : `(${num(n)}) `) + s[0] + " · " + D.title;
tick();
speak(k, s, n, w, moves);
}

// The one live region speaks when something changed that matters, not at each poll.
function speak(k, s, n, w, moves) {
const t = Date.now(), near = n != null && n < said.n && (n <= said.n / 2 || n <= 3) && t - said.t > 2e4;
if (k !== said.k) say(s.join(". ") + (v.paused_reason ? " " + v.paused_reason : ""));
else if (v.message && v.message !== said.w) say(v.message);
else if (near) say(`${T.place}: ${nf.format(n)}. ` + (moves ? `${T.wait}: ${w}.` : ""));
else return;
said = {k, n, w: v.message, t};
}
const say = s => put("live", s);

function tick() {
if (done) return;
const t = Date.now(), s = Math.round((t - at) / 1e3);
put("updated", T.updated.replace("{when}", s < 60 ? ago.format(-s, "second") : ago.format(-Math.floor(s / 60), "minute")));
const open = v.state === "prequeue" && v.opens_at ? Math.max(0, Math.ceil((Date.parse(v.opens_at) - t - skew) / 1e3)) : null;
const two = n => (n < 10 ? "0" : "") + n;
fill("opens", open == null ? open : open >= 172800 ? span(T.days, 0, Math.floor(open / 86400)) : [open / 3600 | 0, two((open / 60 | 0) % 60), two(open % 60)].join(":"));
if (due && t > due + 5e3) poll();
}

// A worker keeps time where the browser slows the timers of hidden pages down to one a minute.
let clock;
try {
const code = "let t;onmessage=e=>{clearTimeout(t);t=setTimeout(()=>postMessage(0),e.data)}";
clock = new Worker(URL.createObjectURL(new Blob([code], {type: "text/javascript"})));
clock.onmessage = poll;
clock.onerror = () => { clock = 0; plan(); };
} catch (e) { clock = 0; }

function plan() {
let ms = Math.min(Math.max(v.refresh_ms, 500), 6e5);
if (fails) ms = Math.max(Math.min(6e4, 1e3 * 2 ** fails), floor) * (.5 + Math.random());
else if (doc.hidden && ms > 15e3) ms *= 1.5;
due = Date.now() + ms;
clearTimeout(timer);
if (clock) clock.postMessage(ms);
else timer = setTimeout(poll, ms);
}

async function poll() {
if (busy || done) return;
busy = 1;
due = 0;
const stop = new AbortController(), late = setTimeout(() => stop.abort(), 1e4);
try {
const r = await fetch(D.url, {headers: {Accept: "application/json"}, credentials: "same-origin", cache: "no-store", signal: stop.signal});
floor = 1e3 * r.headers.get("Retry-After") || 0;
if (!r.ok) throw r.status;
const n = await r.json();
if (!n.status) throw n;
const date = Date.parse(r.headers.get("Date"));
v = n;
at = Date.now();
if (date) skew = date + 500 - at;
if (fails > 1) say("");
fails = 0;
show("offline", 0);
if (v.status === "admitted") enter(); else draw();
} catch (e) {
if (++fails === 2) { show("offline", 1); say(T.offline); }
if ((e === 404 || e === 410) && fails > 2) { done = 1; setTimeout(go, 5e3); }
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
put("updated", "");
["place", "stale", "keep", "notice", "wait-row", "ahead-row", "waiting-row", "opens-row", "reason"].forEach(k => show(k, 0));
bar(100);
doc.title = "★ " + T.turn + " · " + D.title;
say(T.turn + " " + T.go);
if (tell) try { new Notification(T.turn, {body: D.title, tag: "stanchion"}); } catch (e) {}
if (ring) chime();
// Someone whom the site sends back here again and again is not sent round faster than this.
let ms = ring ? 1500 : 400;
try {
const k = "stanchion-go", t = Date.now();
if (t - sessionStorage.getItem(k) < 15e3) ms = 1e4;
sessionStorage.setItem(k, t);
} catch (e) {}
setTimeout(go, ms);
}
function go() {
if (D.get && location.hash) location.reload();
else location.replace(location.pathname + location.search);
}

function chime() {
[660, 880].forEach((hz, i) => {
const o = ring.createOscillator(), g = ring.createGain(), t = ring.currentTime + i * .25;
o.frequency.value = hz;
g.gain.setValueAtTime(.2, t);
g.gain.exponentialRampToValueAtTime(.001, t + .6);
o.connect(g).connect(ring.destination);
o.start(t);
o.stop(t + .6);
});
}
function toggle(k, can, on) {
if (can) all(k).forEach(b => {
b.hidden = false;
b.onclick = async () => {
const yes = b.getAttribute("aria-pressed") !== "true";
try { await on(yes); b.setAttribute("aria-pressed", yes); } catch (e) { b.hidden = true; }
};
});
}
toggle("sound", self.AudioContext, yes => { ring = yes && (ring || new AudioContext()); if (yes) chime(); });
toggle("notify", self.Notification && Notification.permission !== "denied", async yes => {
if (yes && await Notification.requestPermission() !== "granted") throw 0;
tell = yes;
if (yes) new Notification(D.title, {body: doc.title, tag: "stanchion", silent: true});
});

const wake = () => { if (!doc.hidden) { tick(); if (Date.now() - at > 2e3) poll(); } };
doc.addEventListener("visibilitychange", wake);
addEventListener("pageshow", e => { if (e.persisted) wake(); });
addEventListener("online", () => { poll(); });
setInterval(() => { if (!doc.hidden) tick(); }, 1e3);
show("no-cookies", !navigator.cookieEnabled);
draw();
plan();
