// Forms that adapt to the input: fields of the scope, operators that apply, a live preview.
"use strict";

const Forms = {
  // The operators that apply to a type; fields that were never recorded may have any type.
  fitting: {
    string: ["eq", "neq", "contains", "in", "not_in", "starts_with", "ends_with", "matches", "gt", "gte", "lt", "lte", "exists", "not_exists"],
    number: ["eq", "neq", "gt", "gte", "lt", "lte", "in", "not_in", "exists", "not_exists"],
    boolean: ["eq", "neq", "exists", "not_exists"],
    array: ["contains", "exists", "not_exists"],
  },
  kinds: { string: "text", number: "number", boolean: "boolean", array: "text" },

  option(name) {
    return [...document.querySelectorAll("#fields option")].find((option) => option.value === name);
  },

  // Shows the statistics of a field, and offers the operators that apply.
  describe(input, chosen) {
    const option = Forms.option(input.value.trim());
    const holder = input.closest("[data-row], .field");
    const hint = holder?.querySelector("[data-hint]");
    if (hint) hint.textContent = Forms.hint(option, input.value.trim());
    const operator = holder?.querySelector("[data-operator]");
    if (!operator) return;
    const types = option?.dataset.types?.split(" ").filter((type) => type in Forms.fitting) ?? [];
    const fits = new Set(types.flatMap((type) => Forms.fitting[type]));
    for (const offered of operator.options) {
      offered.hidden = offered.disabled = fits.size > 0 && !fits.has(offered.value) && !(offered.selected && !chosen);
    }
    if (operator.selectedOptions[0]?.disabled) operator.value = [...fits][0];
    const kind = holder.querySelector("[data-kind]");
    if (chosen && types.length && kind.value !== "json") kind.value = Forms.kinds[types.at(-1)] ?? "text";
    Forms.fit(holder);
  },

  hint(option, name) {
    if (!name || !option) return name && document.querySelector("#fields option") ? "No recorded interaction in this scope has this field." : "";
    const { types, count, examples } = option.dataset;
    if (!count) return "A column of every interaction.";
    return `${types.replace(" ", " or ")}, ${Number(count).toLocaleString("en")} times${examples ? `, such as ${examples}` : ""}`;
  },

  // Shows the inputs that an operator needs.
  fit(row) {
    const operator = row.querySelector("[data-operator]")?.selectedOptions[0];
    if (!operator) return;
    const unary = "unary" in operator.dataset, list = "list" in operator.dataset;
    const kind = row.querySelector("[data-kind]"), value = row.querySelector("[data-value]");
    kind.style.visibility = unary ? "hidden" : "";
    value.style.visibility = unary || kind.value === "null" ? "hidden" : "";
    const isJson = kind.value === "json";
    row.querySelector("[data-json-hint]").hidden = unary || !isJson;
    value.placeholder = isJson ? (list ? '["US", null]' : '"text"') : list ? "one per line" : kind.value === "boolean" ? "true or false" : "value";
  },

  // Shows the field of each aggregation that needs one, and the inputs of a single aggregation or of
  // a comparison. Hidden inputs are disabled, so that the browser does not send them.
  needField(form) {
    for (const part of form.querySelectorAll("[data-only-for]")) {
      part.hidden = form.elements.metricType?.value !== part.dataset.onlyFor;
      part.querySelectorAll("input, select, textarea").forEach((input) => { input.disabled = part.hidden; });
    }
    const change = form.querySelector("[data-change]")?.selectedOptions[0];
    if (change) {
      Forms.show(form.querySelector("[data-compared]"), change.value !== "");
      Forms.show(form.querySelector("[data-divided]"), "divides" in change.dataset);
    }
    for (const measure of form.querySelectorAll("[data-measure]")) {
      const aggregation = measure.querySelector("[data-aggregation]").selectedOptions[0];
      const field = measure.querySelector("[data-needed-field]");
      field.hidden = !("needsField" in aggregation.dataset);
      field.querySelector("input").disabled = field.hidden || aggregation.closest("select").disabled;
    }
  },

  show(part, isShown) {
    part.hidden = !isShown;
    part.querySelectorAll("input, button").forEach((input) => { input.disabled = !isShown; });
  },

  // Shows the time zone of a calendar window, at first that of the browser. A hidden input is
  // disabled, so that the browser does not send it.
  needZone(form) {
    const field = form.querySelector("[data-zone]");
    if (!field) return;
    const input = field.querySelector("input"), zones = field.querySelector("datalist");
    const periods = field.dataset.periods.split(" ");
    field.hidden = !periods.includes(form.elements.timeWindow.value.trim());
    input.disabled = field.hidden;
    if (field.hidden || zones.options.length) return;
    input.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
    zones.append(...(Intl.supportedValuesOf?.("timeZone") ?? []).map((name) => new Option(name, name)));
  },

  async loadFields(form) {
    const scope = ["resourceType", "action"].map((name) => [name, form.elements[name]?.value ?? ""]);
    const text = await Tocsin.fetch(`${form.dataset.fields}?${new URLSearchParams(scope)}`);
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("fields");
    if (fresh) document.getElementById("fields-of-scope").replaceChildren(fresh);
    form.querySelectorAll("[data-field]").forEach((input) => Forms.describe(input, false));
  },

  // One preview at a time; changes during a preview cause another one afterwards.
  async preview(form) {
    Forms.changed = true;
    if (Forms.asking) return;
    Forms.asking = true;
    const place = document.getElementById("preview");
    place.setAttribute("aria-busy", "true");
    while (Forms.changed) {
      Forms.changed = false;
      await Forms.ask(form, place);
    }
    place.removeAttribute("aria-busy");
    Forms.asking = false;
  },

  async ask(form, place) {
    try {
      const body = new URLSearchParams(new FormData(form));
      const text = await Tocsin.fetch(form.dataset.preview, { method: "POST", body });
      const fresh = new DOMParser().parseFromString(text, "text/html");
      place.replaceChildren(...fresh.body.childNodes);
      Tocsin.prepare(place);
    } catch {
      Tocsin.say("The server does not respond. Change a field to try again.");
    }
  },

  // Adds a row at the end, or at the end of the group that the button belongs to.
  addRow(button) {
    const rows = button.closest("[data-rows]"), group = button.closest("[data-row]");
    const template = rows.querySelector(`template${button.dataset.addRow ? "[data-group]" : ""}`);
    const row = template.content.cloneNode(true).firstElementChild;
    if (group) {
      Forms.setLevel(row, Number(group.dataset.level) + 1);
      (Forms.inside(group).at(-1) ?? group).after(row);
    } else {
      rows.insertBefore(row, rows.querySelector("template"));
    }
    row.querySelector("input:not([type=hidden]), select").focus();
    Forms.fit(row);
  },

  setLevel(row, level) {
    row.classList.replace(`level-${row.dataset.level}`, `level-${level}`);
    row.dataset.level = level;
    row.querySelector("[data-level-sent]").value = level;
  },

  // The rows of a group: those of higher levels that follow it.
  inside(group) {
    const rows = [];
    let row = group.nextElementSibling;
    while (row && "row" in row.dataset && Number(row.dataset.level) > Number(group.dataset.level)) {
      rows.push(row);
      row = row.nextElementSibling;
    }
    return rows;
  },

  removeRow(button) {
    const row = button.closest("[data-row]");
    [...Forms.inside(row), row].forEach((each) => each.remove());
  },

  start(form) {
    let waiting;
    const soon = () => {
      clearTimeout(waiting);
      if (form.dataset.preview) waiting = setTimeout(() => Forms.preview(form), 300);
    };
    form.addEventListener("input", (event) => {
      // On input rather than on change, which comes with a click elsewhere and would move its target.
      const known = "field" in event.target.dataset && Forms.option(event.target.value.trim());
      if (known) Forms.describe(event.target, true);
      Forms.needZone(form);
      soon();
    });
    form.addEventListener("change", (event) => {
      const target = event.target;
      if ("field" in target.dataset) Forms.describe(target, true);
      if ("operator" in target.dataset || "kind" in target.dataset) Forms.fit(target.closest("[data-row]"));
      if ("aggregation" in target.dataset || "change" in target.dataset) Forms.needField(form);
      if (["resourceType", "action"].includes(target.name)) Forms.loadFields(form);
      soon();
    });
    form.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if ("addRow" in button.dataset) Forms.addRow(button);
      if ("removeRow" in button.dataset) Forms.removeRow(button);
      if ("fill" in button.dataset) document.getElementById(button.dataset.fill).value = button.dataset.with;
      Forms.needZone(form);
      if (button.type === "button") soon();
    });
    form.querySelectorAll("[data-row]").forEach(Forms.fit);
    Forms.needField(form);
    Forms.needZone(form);
    if (form.dataset.fields) Forms.loadFields(form);
    if (form.dataset.preview) Forms.preview(form);
  },
};

document.querySelectorAll("form[data-preview], form[data-fields]").forEach(Forms.start);

// A time zone is at first that of the browser; a list has all zones that it knows.
for (const input of document.querySelectorAll("[data-own-zone]")) {
  input.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  input.list.append(...(Intl.supportedValuesOf?.("timeZone") ?? []).map((name) => new Option(name, name)));
}

// Shows the fields of the selected kind of channel or of silence.
for (const form of document.querySelectorAll("form[data-kinds]")) {
  const choice = form.querySelector("[data-kind-choice]");
  const show = () => {
    for (const part of form.querySelectorAll("[data-for-kind]")) {
      part.hidden = part.dataset.forKind !== choice.value;
      part.querySelectorAll("input, select, textarea").forEach((field) => { field.disabled = part.hidden; });
    }
  };
  choice.addEventListener("change", show);
  show();
}
