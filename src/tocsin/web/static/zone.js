// The time zone of the pages: that of the browser, or UTC. A cookie stores the choice.
"use strict";

const Zone = {
  get isUtc() {
    return document.documentElement.dataset.zone === "utc";
  },

  // A formatter for instants in the chosen zone.
  format: (form) => new Intl.DateTimeFormat(undefined, { ...form, timeZone: Zone.isUtc ? "UTC" : undefined }),

  get own() {
    return new Intl.DateTimeFormat().resolvedOptions().timeZone;
  },

  // `Asia/Kathmandu (UTC+05:45)`, with `now` if the offset changes over the year.
  get words() {
    if (Zone.isUtc || /^(Etc\/)?UTC$/.test(Zone.own)) return "UTC";
    const now = new Date(), minutes = -now.getTimezoneOffset(), size = Math.abs(minutes);
    const changes = [0, 6].some((month) => -new Date(now.getFullYear(), month, 1).getTimezoneOffset() !== minutes);
    const two = (number) => String(Math.trunc(number)).padStart(2, "0");
    return `${Zone.own} (UTC${minutes < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}${changes ? " now" : ""})`;
  },

  choose(name) {
    document.documentElement.dataset.zone = name;
    document.cookie = `tocsin_zone=${name}; path=/; max-age=31536000; samesite=lax`;
    Zone.show();
    document.dispatchEvent(new Event("zone"));
  },

  // Shows the zone beside the button that switches it.
  show() {
    const name = document.querySelector("[data-zone-name]"), button = document.querySelector("[data-zone-switch]");
    if (!name) return;
    name.textContent = Zone.words;
    button.textContent = Zone.isUtc ? "Show local time" : "Show UTC";
    button.hidden = /^(Etc\/)?UTC$/.test(Zone.own);
  },
};

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-zone-switch]")) Zone.choose(Zone.isUtc ? "own" : "utc");
});
Zone.show();
