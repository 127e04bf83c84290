// Keeps the page up to date. Everything on it works without this, by loading it again.
"use strict";
(() => {
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const EVERY_MS = 10_000;
  const SLOWEST_MS = 120_000;
  // Nothing but a recording or a last word changes after the end.
  const ENDED_MS = 60_000;
  let version = live.dataset.version;
  // When each of the times shown was, in the seconds of performance.now().
  const born = new WeakMap();
  let failures = 0;
  let timer = 0;

  function words(seconds) {
    for (const unit of [86400, 3600, 60]) {
      if (seconds >= unit) return live.dataset["u" + unit].replace("{n}", Math.floor(seconds / unit));
    }
    return live.dataset.u0;
  }

  // Counts on from the ages the server gave: the phone's own clock may be wrong.
  function tick() {
    const now = performance.now() / 1000;
    for (const time of live.querySelectorAll("time[data-age]")) {
      if (!born.has(time)) born.set(time, now - Number(time.dataset.age));
      const said = words(now - born.get(time));
      if (time.textContent !== said) time.textContent = said;
    }
  }

  const withoutAges = (part) => part.outerHTML.replace(/ data-age="[^<]*/g, "");

  // Only what changed is replaced: a screen reader reads no more than that, a recording plays on, the focus stays.
  function show(html) {
    const next = document.createElement("template");
    next.innerHTML = html;
    for (const part of next.content.querySelectorAll("[data-part]")) {
      const old = live.querySelector(`[data-part="${part.dataset.part}"]`);
      if (withoutAges(old) === withoutAges(part)) continue;
      const focused = old.contains(document.activeElement) && document.activeElement.id;
      old.className = part.className;
      old.toggleAttribute("data-open", part.hasAttribute("data-open"));
      old.replaceChildren(...part.childNodes);
      if (focused) document.getElementById(focused)?.focus();
    }
  }

  // A tile that does not load shows the words under it, not a broken picture.
  function hideBroken() {
    for (const tile of live.querySelectorAll(".tiles img")) tile.hidden = tile.complete && !tile.naturalWidth;
  }

  async function poll() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const answer = await fetch(live.dataset.url, {
        headers: { "If-None-Match": `"${version}"` },
        cache: "no-store",
        signal: AbortSignal.timeout?.(20_000),
      });
      if (answer.status === 404) return location.reload();
      if (answer.status === 200) {
        show(await answer.text());
        version = answer.headers.get("ETag").replace(/^W\/|"/g, "");
        tick();
      } else if (answer.status !== 304) throw new Error(String(answer.status));
      failures = 0;
    } catch {
      failures += 1;
    }
    lost.textContent = failures > 1 ? live.dataset.lost : "";
    const usual = live.querySelector("[data-open]") ? EVERY_MS : ENDED_MS;
    timer = setTimeout(poll, Math.min(usual * 2 ** failures, SLOWEST_MS));
  }

  for (const event of ["load", "error"]) live.addEventListener(event, hideBroken, true);
  hideBroken();
  tick();
  document.addEventListener("visibilitychange", poll);
  addEventListener("online", poll);
  setInterval(tick, 5_000);
  timer = setTimeout(poll, EVERY_MS);
})();
