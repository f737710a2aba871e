// Draws the data of a figure as SVG: lines or stacked groups over time, a threshold, firing periods.
"use strict";

const Markup = {
  make(namespace, name, attributes, parts) {
    const made = document.createElementNS(namespace, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...parts);
    return made;
  },
  svg: (name, attributes = {}, ...parts) => Markup.make("http://www.w3.org/2000/svg", name, attributes, parts),
  html: (name, attributes = {}, ...parts) => Markup.make("http://www.w3.org/1999/xhtml", name, attributes, parts),
};

class Chart {
  static top = 12;
  static right = 10;
  static below = 40;

  constructor(figure, data) {
    this.figure = figure;
    this.data = data;
    this.region = figure.closest("[data-region]");
    this.legend = new Legend(data);
    // For screen readers, a slider over time that announces the values at each instant.
    this.svg = Markup.svg("svg", { class: "plot", tabindex: 0, role: "slider", "aria-label": "Values over time", "aria-readonly": "true" });
    figure.setAttribute("role", "group");
    figure.replaceChildren(this.svg, this.legend.element, Markup.html("p", { class: "hidden" }, this.legend.summary()));
    Pointing.listen(this);
    this.draw();
  }

  get stacked() {
    return this.data.stacks && document.querySelector("[data-stack]")?.getAttribute("aria-pressed") !== "false";
  }

  draw() {
    this.layers = this.stack();
    this.measure();
    this.marks = Markup.svg("g", { class: "pointer" });
    this.selection = Markup.svg("rect", { class: "selection", y: Chart.top, height: this.bottom - Chart.top, width: 0 });
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.setAttribute("height", this.height);
    this.svg.setAttribute("aria-valuemax", this.data.times.length - 1);
    this.svg.replaceChildren(this.rows(), this.columns(), this.inside(), this.thresholds(), this.selection, this.marks);
    this.point(this.pointed ?? null);
  }

  // Each line with its upper and lower edge; a stacked group is drawn on top of the previous ones.
  stack() {
    let ground = this.data.times.map(() => 0);
    return this.data.lines.map(({ values }, n) => {
      const base = ground, ink = `ink-${(n % 10) + 1}`;
      if (!this.stacked) return { base, tops: values, ink };
      const tops = values.map((value, i) => (value === null ? null : base[i] + value));
      ground = tops.map((top, i) => top ?? base[i]);
      return { base, tops, ink };
    });
  }

  measure() {
    const { times } = this.data;
    this.width = Math.max(this.figure.clientWidth, 200);
    this.height = this.figure.classList.contains("tall") ? 300 : 200;
    this.bottom = this.height - Chart.below;
    [this.from, this.to] = this.reach ?? (times.length > 1 ? [times[0], times.at(-1)] : [times[0] - 60, times[0] + 60]);
    this.first = times.findIndex((at) => at >= this.from);
    this.last = times.findLastIndex((at) => at <= this.to);
    this.measureValues();
    this.left = 14 + 7.5 * Math.max(...this.ticks.words.map((word) => word.length));
  }

  // The visible values, with the threshold.
  measureValues() {
    const fixed = [this.data.threshold, this.data.recovery].filter((value) => typeof value === "number");
    let low = Math.min(...fixed), high = Math.max(...fixed);
    for (const { base, tops } of this.layers) {
      for (let n = this.first; n <= this.last; n++) {
        if (tops[n] === null) continue;
        low = Math.min(low, tops[n], this.stacked ? base[n] : tops[n]);
        high = Math.max(high, tops[n]);
      }
    }
    [this.low, this.high] = Ruler.range(...(low > high ? [0, 1] : [low, high]));
    const whole = this.data.lines.every(({ values }) => values.every((value) => value === null || Number.isInteger(value)));
    this.ticks = Ruler.ticks(this.low, this.high, (this.bottom - Chart.top) / 40, whole ? 1 : 0);
  }

  x(at) {
    return this.left + ((at - this.from) / (this.to - this.from)) * (this.width - this.left - Chart.right);
  }

  y(value) {
    const y = this.bottom - ((value - this.low) / (this.high - this.low)) * (this.bottom - Chart.top);
    return Math.min(Math.max(y, -this.height), 2 * this.height);
  }

  at(x) {
    const share = (x - this.left) / (this.width - this.left - Chart.right);
    return this.from + Math.min(Math.max(share, 0), 1) * (this.to - this.from);
  }

  // The visible point nearest to an instant.
  nearest(at) {
    const { times } = this.data;
    let n = this.first;
    while (n < this.last && Math.abs(times[n + 1] - at) <= Math.abs(times[n] - at)) n++;
    return n;
  }

  rows() {
    const drawn = this.ticks.values.flatMap((value, n) => {
      const y = Math.round(this.y(value)) + 0.5;
      const line = Markup.svg("line", { class: "grid", x1: this.left, x2: this.width - Chart.right, y1: y, y2: y });
      return [line, Markup.svg("text", { x: this.left - 8, y: y + 4, "text-anchor": "end" }, this.ticks.words[n])];
    });
    return Markup.svg("g", { "aria-hidden": "true" }, ...drawn);
  }

  columns() {
    const room = (this.width - this.left) / 72;
    const drawn = Ruler.instants(this.from, this.to, room).flatMap(({ at, above, below }) => {
      const x = Math.round(this.x(at)) + 0.5;
      const line = Markup.svg("line", { class: "grid", x1: x, x2: x, y1: Chart.top, y2: this.bottom });
      // Moved beside its line if it would be cut off at the edge.
      const middle = (text) => Math.min(x, this.width - 4 * text.length);
      const word = (text, y) => Markup.svg("text", { x: middle(text), y: this.bottom + y, "text-anchor": "middle" }, text);
      return [line, word(above, 17), word(below, 33)];
    });
    return Markup.svg("g", { "aria-hidden": "true" }, ...drawn);
  }

  // Clips zoomed parts at the axes, with a margin for the width of lines.
  inside() {
    const box = [this.left - 3, 0, this.width - Chart.right - this.left + 6, this.bottom + 3];
    const [x, y, width, height] = box;
    const parts = [this.firings(), ...this.layers.map((layer) => this.line(layer))];
    return Markup.svg("svg", { x, y, width, height, viewBox: box.join(" ") }, ...parts);
  }

  // One path, so that overlapping periods are not darker.
  firings() {
    const top = Chart.top, height = this.bottom - top;
    const boxes = (this.data.firing ?? []).map(([start, end]) => {
      const x = this.x(start), width = Math.max(this.x(end) - x, 2);
      return `M${x.toFixed(1)} ${top}h${width.toFixed(1)}v${height}h${-width.toFixed(1)}z`;
    });
    return Markup.svg("path", { class: "firing", d: boxes.join("") });
  }

  line({ base, tops, ink }) {
    const place = (n, value) => `${this.x(this.data.times[n]).toFixed(1)} ${this.y(value).toFixed(1)}`;
    const runs = this.runs(tops).map((run) => ({
      top: run.map((n) => place(n, tops[n])),
      foot: run.toReversed().map((n) => place(n, this.stacked ? base[n] : Math.max(this.low, 0))),
    }));
    const line = runs.map(({ top }) => `M${top.join("L")}${top.length > 1 ? "" : "h0"}`);
    const parts = [Markup.svg("path", { class: "line", d: line.join("") })];
    const lonely = runs.filter(({ top }) => top.length === 1).map(({ top }) => `M${top[0]}h0`);
    if (lonely.length) parts.push(Markup.svg("path", { class: "lonely", d: lonely.join("") }));
    if (this.stacked || this.layers.length === 1) {
      const area = runs.map(({ top, foot }) => `M${top.join("L")}L${foot.join("L")}z`);
      parts.unshift(Markup.svg("path", { class: this.stacked ? "area stacked" : "area", d: area.join("") }));
    }
    return Markup.svg("g", { class: ink }, ...parts);
  }

  // The parts without a gap, with the adjacent points on either side of the visible range.
  runs(tops) {
    const runs = [[]];
    for (let n = Math.max(this.first - 1, 0); n <= Math.min(this.last + 1, tops.length - 1); n++) {
      if (tops[n] === null) runs.push([]);
      else runs.at(-1).push(n);
    }
    return runs.filter((run) => run.length);
  }

  thresholds() {
    const parts = ["threshold", "recovery"].filter((name) => typeof this.data[name] === "number").flatMap((name) => {
      const y = Math.round(this.y(this.data[name])) + 0.5, x = this.width - Chart.right;
      const word = Markup.svg("text", { x: x - 4, y: y - 5, "text-anchor": "end" }, [Ruler.number(this.data[name]), this.data.unit].filter(Boolean).join(" "));
      return [Markup.svg("line", { class: name, x1: this.left, x2: x, y1: y, y2: y }), word];
    });
    return Markup.svg("g", { class: "thresholds" }, ...parts);
  }

  // Marks and announces the values at the nth instant; by default the last visible ones.
  point(n) {
    this.pointed = n;
    const at = this.data.times[n ?? this.last];
    const step = this.data.times[1] - this.data.times[0];
    this.legend.say(n ?? this.last, Ruler.moment(at, step), n === null);
    this.svg.setAttribute("aria-valuenow", n ?? this.last);
    this.svg.setAttribute("aria-valuetext", this.legend.sentence);
    if (n === null) return this.marks.replaceChildren();
    const x = this.x(at);
    const dots = this.layers
      .filter(({ tops }) => tops[n] !== null)
      .map(({ tops, ink }) => Markup.svg("circle", { class: ink, cx: x, cy: this.y(tops[n]), r: 3.5 }));
    this.marks.replaceChildren(Markup.svg("line", { x1: x, x2: x, y1: Chart.top, y2: this.bottom }), ...dots);
  }
}

const Charts = {
  drawn: new Map(),

  resized: new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const chart = Charts.drawn.get(target);
      if (chart && contentRect.width && contentRect.width !== chart.width) chart.draw();
    }
  }),

  draw(figure) {
    const data = JSON.parse(figure.dataset.chart);
    if (data.lines.some((line) => line.values.some((value) => value !== null))) {
      Charts.drawn.set(figure, new Chart(figure, data));
      return Charts.resized.observe(figure);
    }
    figure.setAttribute("role", "group");
    figure.replaceChildren(Markup.html("p", { class: "quiet" }, "No interactions match in this time range."));
  },

  // Replaces a figure by a fresh one, and keeps the marked instant.
  all(root) {
    const gone = [...Charts.drawn.values()].filter(({ figure }) => !figure.isConnected);
    root.querySelectorAll("[data-chart]").forEach(Charts.draw);
    for (const before of gone) {
      Charts.drawn.delete(before.figure);
      Charts.resized.unobserve(before.figure);
      const after = [...Charts.drawn.values()].find(({ region }) => region && region === before.region);
      if (after && before.pointed !== null) after.point(after.nearest(before.data.times[before.pointed]));
    }
  },
};

document.addEventListener("prepare", (event) => Charts.all(event.detail));
document.addEventListener("zone", () => Charts.drawn.forEach((chart) => chart.draw()));
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-stack]");
  if (!button) return;
  button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") === "false"));
  for (const chart of Charts.drawn.values()) chart.draw();
});
