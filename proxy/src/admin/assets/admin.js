// The operator's live page. Reads the API with a token that lives in this tab alone, and writes with the ETag it read:
// what somebody else changed meanwhile is shown, never overwritten. All text goes in as text, never as markup.
"use strict";

const POLL_MS = 1000;
const GRAPH_POINTS = 600;
const GRAPH_LEAST = 60;
const ROOM = document.body.dataset.room;
const at = (id) => document.getElementById(id);
const history = [];
let etag = null;
let timer = 0;
let asked = false;

function signIn(problem) {
  clearTimeout(timer);
  sessionStorage.removeItem("stanchion-token");
  at("rooms").hidden = at("one-room").hidden = true;
  at("sign-in").hidden = false;
  at("sign-in-problem").textContent = problem;
  at("token").focus();
}

async function call(method, path, change) {
  const headers = { Authorization: "Bearer " + sessionStorage.getItem("stanchion-token") };
  if (change) {
    headers["Content-Type"] = "application/merge-patch+json";
    headers["If-Match"] = etag || "";
  }
  const answer = await fetch(path, { method, headers, body: change ? JSON.stringify(change) : undefined, cache: "no-store" });
  const body = await answer.json().catch(() => ({}));
  return { status: answer.status, etag: answer.headers.get("ETag"), body };
}

function number(value) {
  return value === null || value === undefined ? "–" : Number(value).toLocaleString();
}

function wait(range) {
  if (!range) return "–";
  const words = (s) => (s < 60 ? s + " s" : s < 3600 ? Math.round(s / 60) + " min" : (s / 3600).toFixed(1) + " h");
  const [low, high] = [words(range.low), words(range.high)];
  return low === high ? low : low + " to " + high;
}

function showState(element, room) {
  element.textContent = room.state;
  element.dataset.alert = ["paused", "closed", "recovering", "unknown"].includes(room.state) || (room.snapshot && room.snapshot.stale) ? "yes" : "no";
}

function showFreshness(snapshot) {
  const text = !snapshot ? "waiting for the store" : snapshot.stale ? "the store is away; figures are " + Math.round(snapshot.age_ms / 1000) + " s old" : "live";
  if (at("freshness").textContent !== text) at("freshness").textContent = text;
}

function showList(rooms) {
  at("rooms").hidden = false;
  const rows = rooms.map((room) => {
    const row = document.createElement("tr");
    const link = document.createElement("a");
    link.href = "/rooms/" + encodeURIComponent(room.room);
    link.textContent = room.room;
    const state = document.createElement("span");
    state.className = "state";
    showState(state, room);
    const line = room.line || {};
    const cells = [link, state, number(line.waiting), number(line.inside) + " of " + number(room.in_force.capacity), number(line.admitted_per_minute), wait(line.wait_seconds)];
    for (const cell of cells) row.appendChild(document.createElement("td")).append(cell);
    return row;
  });
  at("room-rows").replaceChildren(...rows);
  showFreshness(rooms.length ? rooms[0].snapshot : null);
}

function why(room) {
  const words = [];
  if (room.settings && room.settings.paused) words.push("Paused: " + (room.settings.paused.reason || "no reason given"));
  if (room.settings && room.settings.message) words.push("Message: " + room.settings.message);
  if (room.settings && room.settings.capacity !== null) words.push("capacity changed live (configured " + number(room.configured.capacity) + ")");
  if (room.settings && room.settings.rate !== null) words.push("pace changed live (configured " + room.configured.rate + ")");
  return words.join(" · ");
}

function showRoom(room) {
  at("one-room").hidden = false;
  const line = room.line || {};
  showState(at("state"), room);
  at("why").textContent = why(room);
  at("waiting").textContent = number(line.waiting);
  at("inside").textContent = number(line.inside);
  at("capacity").textContent = number(room.in_force.capacity);
  at("per-minute").textContent = number(line.admitted_per_minute);
  at("rate").textContent = room.in_force.rate;
  at("wait").textContent = wait(line.wait_seconds);
  showFreshness(room.snapshot);
  history.push(line.waiting || 0);
  if (history.length > GRAPH_POINTS) history.shift();
  const top = Math.max(1, ...history);
  at("graph").setAttribute("viewBox", "0 0 " + Math.max(GRAPH_LEAST, history.length - 1) + " 120");
  at("graph-line").setAttribute("points", history.map((n, i) => i + "," + (116 - (112 * n) / top)).join(" "));
}

function showProblem(answer) {
  const faults = (answer.body.problems || []).map((fault) => fault.at.replace(/^\//, "") + " " + fault.problem);
  at("problem").textContent = answer.status === 412 ? "Somebody else changed this room meanwhile. Look at it again, then decide." : faults.join("; ") || answer.body.detail || "The edge answered " + answer.status + ".";
}

async function look() {
  clearTimeout(timer);
  try {
    const answer = await call("GET", ROOM ? "/api/v1/rooms/" + encodeURIComponent(ROOM) : "/api/v1/rooms");
    if (answer.status === 401) return signIn(asked ? "That is not the token." : "");
    if (answer.status === 429) return signIn("Too many wrong tokens from here. Try again in a minute.");
    if (answer.status === 200) {
      at("sign-in").hidden = true;
      etag = answer.etag;
      ROOM ? showRoom(answer.body) : showList(answer.body.rooms);
    } else {
      at("freshness").textContent = answer.body.title || "the edge answered " + answer.status;
    }
  } catch (_) {
    at("freshness").textContent = "the edge does not answer";
  }
  timer = setTimeout(look, document.hidden ? POLL_MS * 10 : POLL_MS);
}

async function change(what) {
  at("problem").textContent = "";
  try {
    const answer = await call("PATCH", "/api/v1/rooms/" + encodeURIComponent(ROOM), what);
    if (answer.status === 401) return signIn("");
    if (answer.status !== 200) showProblem(answer);
  } catch (_) {
    at("problem").textContent = "The edge does not answer; it is not known whether the change took effect.";
  }
  look();
}

function onSubmit(form, what) {
  at(form).addEventListener("submit", (event) => {
    event.preventDefault();
    change(what());
  });
}

at("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  asked = true;
  sessionStorage.setItem("stanchion-token", at("token").value.trim());
  at("token").value = "";
  look();
});
onSubmit("pause-form", () => ({ paused: at("reason").value.trim() ? { reason: at("reason").value.trim() } : {} }));
onSubmit("pace-form", () => ({ rate: at("new-rate").value.trim() }));
onSubmit("capacity-form", () => ({ capacity: Number(at("new-capacity").value) }));
onSubmit("message-form", () => ({ message: at("message").value.trim() || null }));
at("resume").addEventListener("click", () => change({ paused: null }));
at("close").addEventListener("click", () => confirm("Close " + ROOM + "? Nobody will be let in.") && change({ closed: true }));
at("open").addEventListener("click", () => change({ closed: false }));
for (const button of document.querySelectorAll("[data-reset]")) {
  button.addEventListener("click", () => change({ [button.dataset.reset]: null }));
}
document.addEventListener("visibilitychange", () => document.hidden || !sessionStorage.getItem("stanchion-token") || look());
if (sessionStorage.getItem("stanchion-token")) look();
else signIn("");
