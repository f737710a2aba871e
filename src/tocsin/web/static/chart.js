// Draws a figure's data with uPlot: lines or stacked groups, a threshold, stretches of time.
"use strict";

const Charts = {
  drawn: new Map(),

  colour(name) {
    // Resolves light-dark() to the colour that is in force.
    const probe = document.createElement("i");
    probe.hidden = true;
    probe.className = name;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  },

  number(value) {
    if (value === null || value === undefined) return "–";
    const whole = Number.isInteger(value), small = Math.abs(value) < 1;
    return value.toLocaleString("en", { minimumFractionDigits: whole || small ? 0 : 2, maximumFractionDigits: small ? 4 : 2 });
  },

  // `2M` rather than what an axis has no room for.
  short(value) {
    return Math.abs(value) < 1e5 ? Charts.number(value) : value.toLocaleString("en", { notation: "compact" });
  },

  stacked(lines) {
    const sums = lines[0]?.values.map(() => 0) ?? [];
    return lines.map((line) => line.values.map((value, n) => (sums[n] += value ?? 0)));
  },

  // What lies under a group's line, down to the next one; the last is drawn first.
  options(figure, data, stacks) {
    const ink = Charts.colour("ink-quiet"), grid = Charts.colour("ink-line");
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 }, font: "12px system-ui, sans-serif" };
    const series = data.lines.map((line, n) => {
      const colour = Charts.colour(`ink-${(n % 10) + 1}`);
      return {
        label: line.name,
        stroke: colour,
        width: 1.5,
        fill: stacks ? colour.replace("rgb(", "rgba(").replace(")", ", .22)") : data.lines.length === 1 ? colour.replace("rgb(", "rgba(").replace(")", ", .08)") : undefined,
        points: { show: line.values.length < 3 },
        value: (_, __, ___, index) => Charts.number(index === null ? line.values.at(-1) : line.values[index]),
      };
    });
    const bands = stacks ? data.lines.slice(1).map((_, n) => ({ series: [n + 2, n + 1] })) : [];
    return {
      width: figure.clientWidth,
      height: figure.classList.contains("tall") ? 280 : 180,
      cursor: { drag: { x: true, y: false, setScale: !figure.closest("[data-region]") }, points: { size: 7 } },
      legend: { live: true },
      scales: { y: { range: (_, low, high) => Charts.range(data, low, high) } },
      axes: [
        { ...axis, space: 70, values: Charts.times },
        { ...axis, size: 62, values: (_, splits) => splits.map(Charts.short) },
      ],
      series: [{ label: "Time", value: (_, at) => (at === null ? "last" : Charts.instant(at)) }, ...series],
      bands,
      hooks: {
        drawClear: [(plot) => Charts.stretches(plot, data)],
        draw: [(plot) => Charts.threshold(plot, data)],
        setSelect: [(plot) => Charts.zoom(figure, plot)],
      },
    };
  },

  // From zero where that costs no detail, with the threshold in sight.
  range(data, low, high) {
    if (low === null) [low, high] = [0, 1];
    for (const value of [data.threshold, data.recovery]) {
      if (typeof value === "number") [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
    if (low > 0 && low < high * 0.7) low = 0;
    const room = (high - low || Math.abs(high) || 1) * 0.08;
    return [low === 0 ? 0 : low - room, high + room];
  },

  instant(seconds) {
    const shape = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    return new Intl.DateTimeFormat(undefined, shape).format(seconds * 1000);
  },

  times(_, splits) {
    const days = splits.length > 1 && splits.at(-1) - splits[0] > 2 * 86400;
    let before = "";
    return splits.map((at) => {
      const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" }).format(at * 1000);
      const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at * 1000);
      const shown = days && clock === "00:00" ? day : day === before || before === "" ? clock : `${clock}\n${day}`;
      before = day;
      return shown;
    });
  },

  threshold(plot, data) {
    for (const [value, dash] of [[data.threshold, []], [data.recovery, [5, 5]]]) {
      if (typeof value !== "number") continue;
      const y = Math.round(plot.valToPos(value, "y", true));
      plot.ctx.save();
      plot.ctx.strokeStyle = Charts.colour("ink-danger");
      plot.ctx.lineWidth = devicePixelRatio;
      plot.ctx.setLineDash(dash);
      plot.ctx.beginPath();
      plot.ctx.moveTo(plot.bbox.left, y);
      plot.ctx.lineTo(plot.bbox.left + plot.bbox.width, y);
      plot.ctx.stroke();
      plot.ctx.restore();
    }
  },

  stretches(plot, data) {
    for (const [from, to] of data.stretches ?? []) {
      const left = Math.max(plot.valToPos(from, "x", true), plot.bbox.left);
      const right = Math.min(plot.valToPos(to, "x", true), plot.bbox.left + plot.bbox.width);
      if (right < left) continue;
      plot.ctx.save();
      plot.ctx.globalAlpha = 0.16;
      plot.ctx.fillStyle = Charts.colour("ink-danger");
      plot.ctx.fillRect(left, plot.bbox.top, Math.max(right - left, 2 * devicePixelRatio), plot.bbox.height);
      plot.ctx.restore();
    }
  },

  // Where the page can ask for more points, a selection does: its address says from when to when.
  zoom(figure, plot) {
    if (!figure.closest("[data-region]") || plot.select.width < 8) return;
    const at = (x) => new Date(plot.posToVal(x, "x") * 1000).toISOString();
    const { left, width } = plot.select;
    location.search = new URLSearchParams({ from: at(left), to: at(left + width) });
  },

  draw(figure) {
    Charts.drawn.get(figure)?.destroy();
    figure.replaceChildren();
    const data = JSON.parse(figure.dataset.chart);
    if (!data.times.length || !data.lines.some((line) => line.values.some((value) => value !== null))) {
      const nothing = document.createElement("p");
      nothing.className = "quiet";
      nothing.textContent = "There is nothing to draw: no interaction matches in this time.";
      figure.append(nothing);
      return;
    }
    const stacks = data.stacks && document.querySelector("[data-stack]")?.getAttribute("aria-pressed") !== "false";
    const values = stacks ? Charts.stacked(data.lines) : data.lines.map((line) => line.values);
    Charts.drawn.set(figure, new uPlot(Charts.options(figure, data, stacks), [data.times, ...values], figure));
  },

  all(root) {
    for (const figure of Charts.drawn.keys()) if (!figure.isConnected) Charts.drawn.delete(figure);
    root.querySelectorAll("[data-chart]").forEach(Charts.draw);
  },
};

document.addEventListener("prepare", (event) => Charts.all(event.detail));
document.addEventListener("theme", () => Charts.all(document));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => Charts.all(document));
addEventListener("resize", () => {
  clearTimeout(Charts.resizing);
  Charts.resizing = setTimeout(() => {
    for (const [figure, plot] of Charts.drawn) plot.setSize({ width: figure.clientWidth, height: plot.height });
  }, 100);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-stack]");
  if (!button) return;
  button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") === "false"));
  Charts.all(document);
});
