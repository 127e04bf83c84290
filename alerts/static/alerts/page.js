// Keeps the page up to date. Without this script everything works too: the reader loads the page again.
"use strict";
(() => {
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const EVERY_MS = 10_000;
  const SLOWEST_MS = 120_000;
  // After the end of the alert hardly anything but a late recording changes, so poll less often.
  const ENDED_MS = 60_000;
  let version = live.dataset.version;
  // For each time shown: its moment in seconds of performance.now().
  const born = new WeakMap();
  let failures = 0;
  let timer = 0;

  function words(seconds) {
    for (const unit of [86400, 3600, 60]) {
      if (seconds >= unit) return live.dataset["u" + unit].replace("{n}", Math.floor(seconds / unit));
    }
    return live.dataset.u0;
  }

  // Counts up from the ages that the server gave: the phone's own clock may be wrong.
  function tick() {
    const now = performance.now() / 1000;
    for (const time of live.querySelectorAll("time[data-age]")) {
      if (!born.has(time)) born.set(time, now - Number(time.dataset.age));
      const said = words(now - born.get(time));
      if (time.textContent !== said) time.textContent = said;
    }
  }

  const withoutAges = (part) => part.outerHTML.replace(/ data-age="[^<]*/g, "");

  // Replaces only the parts that changed: a screen reader reads only these, a recording plays on, the focus stays.
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

  // If a tile does not load, shows the words under it instead of a broken picture.
  function hideBroken() {
    for (const tile of live.querySelectorAll(".tiles img")) tile.hidden = tile.complete && !tile.naturalWidth;
  }

  async function poll() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const response = await fetch(live.dataset.url, {
        headers: { "If-None-Match": `"${version}"` },
        cache: "no-store",
        signal: AbortSignal.timeout?.(20_000),
      });
      if (response.status === 404) return location.reload();
      if (response.status === 200) {
        show(await response.text());
        version = response.headers.get("ETag").replace(/^W\/|"/g, "");
        tick();
      } else if (response.status !== 304) throw new Error(String(response.status));
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
