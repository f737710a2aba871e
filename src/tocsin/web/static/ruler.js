// The ticks of a chart, and the format of values and instants.
"use strict";

const Ruler = {
  // Distances of ticks: seconds that divide the next unit, then months.
  seconds: [1, 5, 15, 30, ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 20160].map((minutes) => minutes * 60)],
  months: [1, 3, 6, 12, 24, 60, 120, 240, 600],
  month: 2630000,
  units: [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]],
  // Twice this value, with a margin, is still finite.
  largest: 7e307,

  // The range of an axis for values in this range, from zero if that costs little resolution.
  range(least, greatest) {
    let [low, high] = [least, greatest].map((value) => Math.min(Math.max(value, -Ruler.largest), Ruler.largest));
    if (low > 0 && (low < high * 0.7 || low === high)) low = 0;
    if (low === 0 && high === 0) high = 1;
    // Ticks whose doubles are equal would never end.
    const room = Math.max((high - low) * 0.08, Math.abs(high) * 1e-9);
    return [low === 0 ? 0 : low - room, high + room];
  },

  // Values at 1, 2 or 5 times a power of ten, about as many as fit.
  ticks(low, high, room, least) {
    const step = Math.max(Ruler.round((high - low) / room), least);
    const values = [];
    for (let n = Math.ceil(low / step); n * step <= high; n++) values.push(n * step);
    return { step, values, words: values.map(Ruler.short(step, Math.max(-low, high))) };
  },

  round(least) {
    const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-300)));
    return power * ([1, 2, 5].find((times) => power * times >= least) ?? 10);
  },

  // `1.5M`: short, with enough digits to distinguish ticks of this step.
  short(step, greatest) {
    const [unit, letter] = greatest < 1e4 ? [1, ""] : Ruler.units.find(([least]) => greatest >= least);
    const digits = Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9));
    if (greatest >= 1e15 || digits > 6) return (value) => String(Number(value.toPrecision(6)));
    const form = new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return (value) => (value === 0 ? "0" : form.format(value / unit) + letter);
  },

  number(value) {
    if (value === null) return "–";
    const size = Math.abs(value), small = size < 1;
    if (size >= 1e15 || (size > 0 && size < 1e-4)) return String(Number(value.toPrecision(4)));
    const least = Number.isInteger(value) || small ? 0 : 2;
    return value.toLocaleString("en", { minimumFractionDigits: least, maximumFractionDigits: small ? 4 : 2 });
  },

  // Round instants in the shown zone, in seconds, with two rows of labels.
  instants(from, to, room) {
    const least = (to - from) / Math.max(room, 1);
    const seconds = Ruler.seconds.find((step) => step >= least);
    if (seconds) return Ruler.labelled(Ruler.clock(from, to, seconds), seconds);
    const months = Ruler.months.find((step) => step * Ruler.month >= least) ?? Ruler.months.at(-1);
    return Ruler.labelled(Ruler.calendar(from, to, months), months * Ruler.month);
  },

  // By local time, which is counted as if it were UTC.
  clock(from, to, step) {
    const monday = step >= 604800 ? 4 * 86400 : 0;
    const ticks = [];
    for (let wall = Math.floor((Ruler.wall(from) - monday) / step) * step + monday; ; wall += step) {
      const at = Ruler.instant(wall);
      if (at > to) return ticks;
      // The hour that daylight saving time skips does not exist.
      if (at >= from && Ruler.wall(at) === wall) ticks.push(at);
    }
  },

  wall(at) {
    return Zone.isUtc ? at : at - new Date(at * 1000).getTimezoneOffset() * 60;
  },

  instant(wall) {
    if (Zone.isUtc) return wall;
    const [date, time] = new Date(wall * 1000).toISOString().split(/[TZ]/);
    return new Date(`${date}T${time}`) / 1000;
  },

  calendar(from, to, step) {
    // The fields of local time, read as UTC.
    const first = new Date(Ruler.wall(from) * 1000);
    const months = (first.getUTCFullYear() - 2000) * 12 + first.getUTCMonth();
    const ticks = [];
    for (let month = Math.floor(months / step) * step; ; month += step) {
      const at = Ruler.instant(Date.UTC(2000, month, 1) / 1000);
      if (at > to) return ticks;
      if (at >= from) ticks.push(at);
    }
  },

  // The lower row has the day or the year if it differs from the previous tick.
  labelled(instants, step) {
    const [upper, lower] = Ruler.forms(step).map(Zone.format);
    const above = instants.map((at) => upper.format(at * 1000));
    const below = instants.map((at) => lower.format(at * 1000));
    return instants.map((at, n) => ({ at, above: above[n], below: below[n] === below[n - 1] || below[n] === above[n] ? "" : below[n] }));
  },

  forms(step) {
    const day = { month: "short", day: "numeric" }, year = { year: "numeric" };
    const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    if (step < 60) return [{ ...clock, second: "2-digit" }, day];
    if (step < 86400) return [clock, day];
    if (step < Ruler.month) return [day, year];
    return step < 12 * Ruler.month ? [{ month: "short" }, year] : [year, year];
  },

  // A full instant, with seconds if points are that close.
  moment(at, step) {
    const form = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    if (step < 60) form.second = "2-digit";
    const year = Zone.format({ year: "numeric" });
    if (year.format(at * 1000) !== year.format()) form.year = "numeric";
    return Zone.format(form).format(at * 1000);
  },
};
