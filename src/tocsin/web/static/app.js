// Behaviour of every page: local times, the theme, and regions that are refreshed.
"use strict";

const Tocsin = {
  // Shows a message to the viewer, which screen readers announce.
  say(sentence) {
    const status = document.getElementById("status");
    status.textContent = sentence;
    clearTimeout(Tocsin.silence);
    Tocsin.silence = setTimeout(() => { status.textContent = ""; }, 6000);
  },

  // Initializes new markup.
  prepare(root) {
    root.querySelectorAll("time[datetime]").forEach(Tocsin.localize);
    document.dispatchEvent(new CustomEvent("prepare", { detail: root }));
  },

  localize(element) {
    const at = new Date(element.dateTime);
    if (isNaN(at)) return;
    const date = { year: "numeric", month: "short", day: "numeric" }, dates = Zone.format(date);
    const day = dates.format(at) === dates.format() ? {} : date;
    const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
    element.textContent = Zone.format({ ...day, ...clock }).format(at);
  },

  // Fetches a page or a fragment as text; error pages are text, too.
  async fetch(address, options) {
    const answer = await fetch(address, { credentials: "same-origin", ...options });
    // The session has ended: reload the page, which redirects to the sign-in page.
    if (answer.redirected && new URL(answer.url).pathname === "/web/sign-in") location.reload();
    return answer.text();
  },

  // Replaces the regions of the page by those of a fresh copy.
  swap(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const region of document.querySelectorAll("[data-region]")) {
      const replacement = fresh.querySelector(`[data-region="${region.dataset.region}"]`);
      if (!replacement || region.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) continue;
      const focused = Tocsin.place(region, document.activeElement);
      region.replaceChildren(...replacement.childNodes);
      Tocsin.prepare(region);
      if (focused) region.querySelector(focused)?.focus({ preventScroll: true });
    }
  },

  // A selector of the focused link or chart in the fresh markup.
  place(region, element) {
    if (!region.contains(element)) return null;
    if (element.matches(".plot")) return ".plot";
    const address = element.getAttribute("href");
    return address ? `a[href="${CSS.escape(address)}"]` : null;
  },

  async refresh() {
    try {
      Tocsin.swap(await Tocsin.fetch(location.href));
    } catch {
      Tocsin.say("The server does not respond. Retrying.");
    }
  },
};

// Refreshes regions while the page is visible, with one request at a time.
async function keepFresh() {
  const regions = [...document.querySelectorAll("[data-refresh]")];
  if (!regions.length) return;
  const seconds = Math.min(...regions.map((region) => Number(region.dataset.refresh)));
  for (;;) {
    await new Promise((done) => setTimeout(done, seconds * 1000));
    if (document.visibilityState === "visible" && !getSelection().toString()) await Tocsin.refresh();
  }
}

function chooseTheme(name) {
  document.documentElement.dataset.theme = name;
  document.cookie = `tocsin_theme=${name}; path=/; max-age=31536000; samesite=lax`;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === name));
  }
  document.dispatchEvent(new Event("theme"));
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Browsers offer no clipboard over plain http to another machine.
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    if (!document.execCommand("copy")) return Tocsin.say("The text is selected; copy it with the keyboard.");
    getSelection().removeAllRanges();
  }
  Tocsin.say("Copied.");
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("button, a");
  if (!target) return;
  if (target.dataset.themeChoice) chooseTheme(target.dataset.themeChoice);
  if (target.dataset.copy) copy(target);
  if ("menu" in target.dataset) {
    const opened = document.getElementById("navigation").classList.toggle("open");
    target.setAttribute("aria-expanded", String(opened));
  }
  if ("back" in target.dataset && history.length > 1) {
    event.preventDefault();
    history.back();
  }
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

document.addEventListener("change", async (event) => {
  if (!("submits" in event.target.dataset)) return;
  const form = event.target.form;
  await Tocsin.fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  event.target.blur();
  await Tocsin.refresh();
});

document.addEventListener("toggle", async (event) => {
  const address = event.target.dataset.load;
  if (!address || !event.target.open) return;
  const place = event.target.querySelector("div");
  const fresh = new DOMParser().parseFromString(await Tocsin.fetch(address), "text/html");
  place.replaceChildren(...fresh.body.childNodes);
}, true);

// "/" focuses the search of the page.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input, select, textarea")) return;
  const search = document.querySelector("[data-slash]");
  if (search) {
    event.preventDefault();
    search.focus();
  }
});

// A search that updates while typing.
for (const form of document.querySelectorAll("form[data-live]")) {
  let waiting;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      history.replaceState(null, "", `?${new URLSearchParams(new FormData(form))}`);
      await Tocsin.refresh();
    }, 200);
  });
}

document.addEventListener("zone", () => document.querySelectorAll("time[datetime]").forEach(Tocsin.localize));

Tocsin.prepare(document);
keepFresh();
