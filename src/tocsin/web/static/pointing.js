// Interaction with charts: values by pointer, touch or keys, and zoom by dragging.
"use strict";

const Pointing = {
  // The minimum width of a drag; less is a click.
  least: 8,

  listen(chart) {
    const { svg } = chart;
    svg.addEventListener("pointermove", (event) => Pointing.move(chart, event));
    svg.addEventListener("pointerdown", (event) => Pointing.press(chart, event));
    svg.addEventListener("pointerup", (event) => Pointing.release(chart, event));
    svg.addEventListener("pointercancel", () => Pointing.drop(chart));
    svg.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") chart.point(null); });
    svg.addEventListener("keydown", (event) => Pointing.key(chart, event));
    svg.addEventListener("focus", () => { if (svg.matches(":focus-visible")) chart.point(chart.pointed ?? chart.last); });
    // Deferred, because an element gets the event while it is still in the page.
    svg.addEventListener("blur", () => queueMicrotask(() => Pointing.leave(chart)));
    chart.legend.back.addEventListener("click", () => Pointing.reach(chart, null));
  },

  // A figure that is replaced by a fresh one keeps its marked instant.
  leave(chart) {
    if (!chart.figure.isConnected) return;
    Pointing.drop(chart);
    chart.point(null);
  },

  x(chart, event) {
    const x = event.clientX - chart.svg.getBoundingClientRect().left;
    return Math.min(Math.max(x, chart.left), chart.width - Chart.right);
  },

  move(chart, event) {
    const x = Pointing.x(chart, event);
    chart.point(chart.nearest(chart.at(x)));
    if (chart.start !== undefined && event.buttons) Pointing.select(chart, chart.start, x);
  },

  // Touch shows values and does not zoom.
  press(chart, event) {
    if (event.button === 0 && event.pointerType !== "touch") {
      chart.start = Pointing.x(chart, event);
      chart.svg.setPointerCapture(event.pointerId);
    }
    Pointing.move(chart, event);
  },

  release(chart, event) {
    const { start } = chart, end = Pointing.x(chart, event);
    Pointing.drop(chart);
    if (start !== undefined && Math.abs(end - start) >= Pointing.least) Pointing.zoom(chart, start, end);
  },

  drop(chart) {
    chart.start = undefined;
    Pointing.select(chart, 0, 0);
  },

  select(chart, start, end) {
    chart.selection.setAttribute("x", Math.min(start, end));
    chart.selection.setAttribute("width", Math.abs(end - start));
  },

  // On pages that can load more points, the range is in the address.
  zoom(chart, ...ends) {
    const [from, to] = ends.sort((one, other) => one - other).map((x) => chart.at(x));
    if (chart.region) return Pointing.ask({ from: Pointing.iso(from), to: Pointing.iso(to) });
    const reach = [chart.nearest(from), chart.nearest(to)].map((n) => chart.data.times[n]);
    if (reach[0] < reach[1]) Pointing.reach(chart, reach);
  },

  // Also if the range is too short to draw anything.
  back(figure) {
    const chart = Charts.drawn.get(figure);
    if (chart?.reach) Pointing.reach(chart, null);
    const zoomed = new URLSearchParams(location.search).has("from");
    if (zoomed && figure.closest("[data-region]")) Pointing.ask({});
  },

  reach(chart, reach) {
    chart.reach = reach;
    chart.pointed = null;
    chart.legend.back.hidden = !reach;
    chart.draw();
  },

  iso: (seconds) => new Date(seconds * 1000).toISOString(),

  ask(stretch) {
    const query = new URLSearchParams(location.search);
    query.delete("from");
    query.delete("to");
    for (const [name, value] of Object.entries(stretch)) query.set(name, value);
    location.search = query;
  },

  // Shift selects a range, Enter zooms to it.
  key(chart, event) {
    const now = chart.pointed ?? chart.last;
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now - 10, PageDown: now + 10, Home: chart.first, End: chart.last }[event.key];
    if (event.key === "Enter" && chart.start !== undefined) Pointing.finish(chart);
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (event.shiftKey) chart.start ??= chart.x(chart.data.times[now]);
    else Pointing.drop(chart);
    chart.point(Math.min(Math.max(to, chart.first), chart.last));
    if (event.shiftKey) Pointing.select(chart, chart.start, chart.x(chart.data.times[chart.pointed]));
  },

  finish(chart) {
    const { start } = chart;
    Pointing.drop(chart);
    Pointing.zoom(chart, start, chart.x(chart.data.times[chart.pointed]));
  },
};

document.addEventListener("dblclick", (event) => {
  const figure = event.target.closest("[data-chart]");
  if (figure) Pointing.back(figure);
});

// Escape cancels a selection, or else zooms out.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.target.matches("input, select, textarea")) return;
  const chosen = [...Charts.drawn.values()].filter(({ start }) => start !== undefined);
  if (chosen.length) chosen.forEach(Pointing.drop);
  else document.querySelectorAll("[data-chart]").forEach(Pointing.back);
});
