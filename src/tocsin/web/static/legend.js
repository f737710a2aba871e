// The legend of a chart, with the values at the marked instant, also as text.
"use strict";

class Legend {
  constructor(data) {
    this.data = data;
    this.instant = Markup.html("b");
    this.values = data.lines.map(() => Markup.html("b", { class: "number" }));
    this.back = Markup.html("button", { type: "button", class: "chip", hidden: "" }, "zoom out");
    const entries = data.lines.map(({ name }, n) => {
      const swatch = Markup.html("i", { class: `ink-${(n % 10) + 1}` });
      return Markup.html("li", {}, swatch, Markup.html("span", { title: name }, name), this.values[n]);
    });
    // The only line of a metric without groups has the unit as its name.
    const unit = data.unit && data.lines[0]?.name !== data.unit ? [Markup.html("span", { class: "quiet" }, data.unit)] : [];
    const head = Markup.html("p", {}, this.instant, ...unit, this.back);
    this.element = Markup.html("div", { class: "legend" }, head, Markup.html("ul", {}, ...entries));
  }

  // The values at the nth instant.
  say(n, moment, isLast) {
    this.instant.textContent = isLast ? `${moment} (latest)` : moment;
    this.data.lines.forEach(({ values }, line) => { this.values[line].textContent = Ruler.number(values[n]); });
    const texts = this.data.lines.map(({ name, values }) => `${name} ${Ruler.number(values[n])}`);
    this.sentence = `${moment}: ${texts.join(", ")}`;
  }

  // A description of the chart for screen readers.
  summary() {
    const { lines, threshold, recovery, firing, unit } = this.data;
    const sentences = lines.map(({ name, values }) => {
      const known = values.filter((value) => value !== null);
      if (!known.length) return `${name}: no values.`;
      const [least, greatest] = [Math.min(...known), Math.max(...known)].map(Ruler.number);
      return `${name}: from ${least} to ${greatest}, ${Ruler.number(known.at(-1))} at the end.`;
    });
    if (unit) sentences.push(`The unit is ${unit}.`);
    if (typeof threshold === "number") sentences.push(`The threshold is ${Ruler.number(threshold)}.`);
    if (typeof recovery === "number") sentences.push(`The recovery threshold is ${Ruler.number(recovery)}.`);
    if (firing?.length) sentences.push(`Marked as firing: ${firing.length === 1 ? "once" : `${firing.length} times`}.`);
    return sentences.join(" ");
  }
}
