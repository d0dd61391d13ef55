// Makes the drawing a map to choose from, and keeps it true. Seats are checkboxes with one place in the tab order.
(() => {
  const $ = id => document.getElementById(id);
  const map = $("map"), form = $("pick"), { event, currency, key } = map.dataset, cap = Number(map.dataset.cap);
  const rows = [...map.querySelectorAll(".row")].map(row => [...row.querySelectorAll("rect")]);
  const place = new Map(rows.flatMap((row, r) => row.map((seat, c) => [seat, [r, c]])));
  const chosen = new Set();
  const words = JSON.parse(map.dataset.words), scroller = $("hall");
  let seq = Number(map.dataset.seq), here, holding = false, attempt = 0, sent = "", pause = 1000;

  const isFree = seat => !seat.classList.contains("x");
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const parts = seat => { const [section, row, number] = seat.id.split("-"); return { section: section[0].toUpperCase() + section.slice(1), row, number }; };
  const short = seat => fill(words.short, parts(seat)), named = seat => fill(words.seat, parts(seat));
  const say = text => { $("said").textContent = text; };
  const total = () => {
    const minor = [...chosen].reduce((sum, seat) => sum + Number(seat.parentNode.dataset.price), 0);
    return `${currency} ${(minor / 100).toFixed(2)}`;
  };
  const many = () => chosen.size === 1 ? words.one : fill(words.many, { n: chosen.size });
  const sum = () => chosen.size ? `${many()}, ${total()}` : words.none;

  function show() {
    $("sum").textContent = sum();
    $("chosen").textContent = [...chosen].map(short).join(" · ");
    $("go").disabled = !chosen.size;
  }

  function choose(seat) {
    $("problem").textContent = "";
    if (chosen.has(seat)) put(seat, false, words.given_up);
    else if (!isFree(seat)) say(fill(words.is_taken, { seat: named(seat) }));
    else if (chosen.size >= cap) say(fill(words.most, { n: cap }));
    else put(seat, true, words.chosen);
  }

  function put(seat, mine, what) {
    chosen[mine ? "add" : "delete"](seat);
    seat.classList.toggle("m", mine);
    seat.setAttribute("aria-checked", mine);
    if (what) say(`${fill(what, { seat: short(seat) })} ${sum()}.`);
    show();
  }

  function mark(seat, free) {
    if (!seat || isFree(seat) === free) return;
    seat.classList.toggle("x", !free);
    if (free) seat.removeAttribute("aria-disabled"); else seat.setAttribute("aria-disabled", "true");
    seat.setAttribute("aria-label", seat.getAttribute("aria-label").replace(/[^,]*$/, " " + (free ? words.free : words.taken)));
  }

  /** What somebody else has taken is not chosen any more; while we hold, it is us. */
  function lose() {
    if (holding) return;
    for (const seat of [...chosen]) {
      if (isFree(seat)) continue;
      put(seat, false);
      const lost = fill(chosen.size ? words.lost_rest : words.lost, { seat: named(seat) });
      $("problem").textContent = lost;
      say(sum() + ".");
    }
  }

  function go(seat, focus) {
    if (here) here.setAttribute("tabindex", "-1");
    here = seat;
    seat.setAttribute("tabindex", "0");
    if (focus) { seat.focus(); seat.scrollIntoView({ block: "nearest", inline: "nearest" }); }
  }

  function towards(seat, pressed) {
    const [r, c] = place.get(seat), row = rows[r];
    if (pressed === "ArrowLeft") return row[c - 1];
    if (pressed === "ArrowRight") return row[c + 1];
    if (pressed === "Home") return row[0];
    if (pressed === "End") return row[row.length - 1];
    const next = rows[r + (pressed === "ArrowUp" ? -1 : 1)], away = other => Math.abs(other.x.baseVal.value - seat.x.baseVal.value);
    return next && next.reduce((best, other) => away(other) < away(best) ? other : best);
  }

  map.addEventListener("click", e => { if (place.has(e.target)) { go(e.target, true); choose(e.target); } });
  map.addEventListener("focusin", e => { if (place.has(e.target)) go(e.target); });
  map.addEventListener("keydown", e => {
    if (!place.has(e.target) || e.ctrlKey || e.altKey || e.metaKey) return;
    if (e.key === "Enter" || e.key === " ") choose(e.target);
    else if (/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(e.key)) {
      const next = towards(e.target, e.key);
      if (next) go(next, true);
    } else return;
    e.preventDefault();
  });

  form.addEventListener("submit", async e => {
    e.preventDefault();
    if (holding || !chosen.size) return;
    const seats = [...chosen].map(seat => seat.id), asked = seats.join();
    // The same wish again, where no answer came: the same key.
    if (asked !== sent) { attempt += 1; sent = asked; }
    holding = true;
    try {
      const headers = { "Content-Type": "application/json", Accept: "application/json", "Idempotency-Key": `${key}-${attempt}` };
      const answer = await fetch("/api/v1/holds", { method: "POST", headers, body: JSON.stringify({ event, seats }) });
      const said = await answer.json();
      if (answer.ok) return location.assign(`/orders/${said.hold.id}`);
      sent = "";
      $("problem").textContent = said.detail || words.failed;
    } catch {
      $("problem").textContent = words.no_answer;
    }
    holding = false;
    lose();
  });

  function listen() {
    const stream = new EventSource(`/api/v1/events/${event}/changes?after=${seq}`);
    stream.addEventListener("places", message => {
      const { left, seats } = JSON.parse(message.data);
      seq = Number(message.lastEventId);
      pause = 1000;
      $("left").textContent = left;
      for (const [id, letter] of Object.entries(seats)) mark($(id), letter === ".");
      lose();
    });
    stream.addEventListener("resync", () => { stream.close(); look(); });
    // The browser comes back by itself, with the last number, unless it was refused.
    stream.addEventListener("error", () => { if (stream.readyState === EventSource.CLOSED) later(); });
  }

  function later() {
    setTimeout(look, pause * (1 + Math.random()));
    pause = Math.min(pause * 2, 30000);
  }

  /** Every seat anew. */
  async function look() {
    try {
      const answer = await fetch(`/api/v1/events/${event}/seats`, { headers: { Accept: "application/json" } });
      if (!answer.ok) return later();
      const all = await answer.json();
      for (const row of all.rows) [...row.seats].forEach((letter, c) => mark($(`${row.section}-${row.row}-${c + 1}`), letter === "."));
      $("left").textContent = all.rows.reduce((sum, row) => sum + row.seats.split(".").length - 1, 0);
      seq = all.seq;
      lose();
      listen();
    } catch { later(); }
  }

  // Names stay in sight; the middle of the hall first.
  scroller.addEventListener("scroll", () => map.style.setProperty("--x", `${scroller.scrollLeft}px`), { passive: true });
  scroller.scrollLeft = (scroller.scrollWidth - scroller.clientWidth) / 2;
  map.removeAttribute("aria-hidden");
  map.setAttribute("role", "group");
  for (const seat of place.keys()) seat.setAttribute("tabindex", "-1");
  go([...place.keys()].find(isFree) || rows[0][0]);
  form.hidden = $("how").hidden = false;
  show();
  listen();
})();
