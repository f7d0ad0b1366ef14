// Weights from queries to keys, drawn as lines between two columns of tokens and as a map of cells: what the attention
// explorer and the alignment explorer share. base.py puts this text in the place of the line that imports it; a widget
// imports h, spelled, colour and onTheme from base.js before it.

// ---------------------------------------------------------------- arithmetic (tested in node)

// From weight 0 to the largest one, on a light and on a dark page: both ends stand out from the page.
export const HEAT = {
  light: [[233, 239, 244], [158, 200, 228], [46, 125, 184], [9, 45, 88]],
  dark: [[36, 46, 58], [27, 92, 143], [74, 176, 224], [252, 246, 196]],
};

/** The colour [red, green, blue] at 0 to 1 of a scale of colours at equal steps. */
export function heatColour(stops, t) {
  const at = Math.max(0, Math.min(1, t || 0)) * (stops.length - 1);
  const n = Math.min(stops.length - 2, Math.floor(at));
  return stops[n].map((from, c) => Math.round(from + (stops[n + 1][c] - from) * (at - n)));
}

/** The mean of the weights of several heads. */
export function linkMean(layers) {
  if (layers.length === 1) return layers[0].weights;
  const mean = new Float32Array(layers[0]?.weights.length ?? 0);
  for (const { weights } of layers) for (let i = 0; i < mean.length; i++) mean[i] += weights[i] / layers.length;
  return mean;
}

/**
 * What is beside a map: how much each key gets from a query on average (received), and over how many keys each query
 * spreads its weight (spread): 2 to the power of its entropy in bits, 0 where there is no weight.
 */
export function linkMarginals(weights, rows, columns) {
  const received = new Float32Array(columns);
  const spread = new Float32Array(rows);
  for (let q = 0; q < rows; q++) {
    let [sum, logs] = [0, 0];
    for (let k = 0; k < columns; k++) {
      const w = weights[q * columns + k];
      received[k] += w / rows;
      sum += w;
      if (w > 0) logs += w * Math.log(w);
    }
    spread[q] = sum > 0 ? Math.exp(Math.log(sum) - logs / sum) : 0;
  }
  return { received, spread };
}

/** How high the rows of two columns of tokens are, all in all and each, and where the middle of the i-th token is. */
export function linkRows(queries, keys, coarse = false) {
  const most = Math.max(1, queries, keys);
  const row = most <= 12 ? 38 : most <= 20 ? 32 : coarse ? 32 : 25;
  const height = most * row;
  const steps = [queries, keys].map((n) => Math.min(height / Math.max(1, n), 1.6 * row));
  const middle = (side, i) => (height - [queries, keys][side] * steps[side]) / 2 + (i + 0.5) * steps[side];
  return { height, row, steps, middle };
}

/** The places of a map in a width: the room for names left and above, the side of a cell, and the strips beside. */
export function mapPlaces(width, rows, columns, names) {
  const left = Math.ceil(Math.min(names[0] + 10, 130, Math.max(40, 0.3 * width)));
  const top = Math.ceil(Math.min(names[1] + 10, 110));
  const strip = 26; // for the marginals, on the right and below
  const cell = Math.max(4, Math.min(38, (width - left - strip - 8) / Math.max(1, columns)));
  return { left, top, strip, cell, width, right: left + cell * columns, bottom: top + cell * rows, height: top + cell * rows + strip + 6 };
}

/** The query and the key at a point of a map; null for one where the point is beside the cells. */
export function cellAt({ left, top, right, bottom, cell }, x, y) {
  const query = y >= top && y < bottom ? Math.floor((y - top) / cell) : null;
  const key = x >= left && x < right ? Math.floor((x - left) / cell) : null;
  return { query, key };
}

export const inWeight = (w) => w.toFixed(2);

// ---------------------------------------------------------------- page

const LINKS_STYLE = `
.lml { display: grid; gap: 1rem; direction: ltr; }
.lml-lines { position: relative; display: grid; min-width: 0;
  grid-template-columns: minmax(0, 1fr) minmax(4.5rem, 1fr) minmax(0, 1fr); align-items: center; }
.lml-title { padding: 0 0.45rem 0.2rem; color: var(--lm-muted); font-size: 0.85rem; text-align: start; }
.lml-title:first-child { text-align: end; }
.lml-canvas, .lml-map { display: block; width: 100%; }
.lml-map { cursor: crosshair; touch-action: pan-y; border-radius: 0.3rem; }
.lml-column { display: grid; grid-auto-rows: minmax(0, 1fr); min-width: 0; }
.lml-token { position: relative; display: flex; align-items: center; gap: 0.4rem; min-width: 0; padding: 0 0.45rem;
  border-radius: 0.4rem; cursor: pointer; line-height: 1.2; }
.lml-query .lml-token { flex-direction: row-reverse; }
.lml-token b { position: relative; min-width: 0; overflow: hidden; font-weight: 500; text-overflow: ellipsis;
  unicode-bidi: isolate; white-space: nowrap; }
.lml-token em { position: relative; margin-inline-start: auto; color: var(--lm-muted); font-size: 0.8em; font-style: normal;
  font-variant-numeric: tabular-nums; }
.lml-query .lml-token em { margin-inline: 0 auto; }
.lml-token i { position: absolute; inset-block: max(1px, calc(50% - 0.85rem)); left: 0; width: calc(var(--w, 0) * 100%);
  border-radius: 0.3rem; background: color-mix(in srgb, var(--lm-accent) 26%, var(--lm-back)); }
.lml-query .lml-token i { right: 0; left: auto; }
.lml-on b { font-weight: 750; color: var(--lm-accent); }
.lml-chosen b { text-decoration: underline 2px var(--lm-gold); text-underline-offset: 0.2em; }
.lml-stray b { text-decoration: underline wavy var(--lm-hot); }
.lml-turned .lml-canvas { transform: scaleX(-1); }
.lml-turned .lml-query .lml-token { flex-direction: row; }
.lml-turned .lml-key .lml-token { flex-direction: row-reverse; }
.lml-turned .lml-query .lml-token em { margin-inline: auto 0; }
.lml-turned .lml-key .lml-token em { margin-inline: 0 auto; }
.lml-turned .lml-query .lml-token i { right: auto; left: 0; }
.lml-turned .lml-key .lml-token i { right: 0; left: auto; }
.lml-dim b { color: var(--lm-muted); font-style: italic; text-decoration: line-through; }
.lml-token[aria-selected="true"] { box-shadow: inset 0 0 0 2px var(--lm-accent); }
.lml :is(.lml-token, .lml-map):focus-visible { outline: 0.2rem solid var(--lm-focus); outline-offset: -0.1rem; }
@container (min-width: 40rem) { .lml-both { grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); align-items: start; } }
@media (forced-colors: active) { .lml-map, .lml-canvas, .lml-token i { forced-color-adjust: none; } }
`;

/**
 * A view of weights. act({kind, query, key, keyboard}) is called with kind "query" or "key" when a token is taken (click,
 * tap, Enter, Space), "cell" when a cell of the map is, and "hover" when something is pointed at or focused; query and key
 * are numbers or null, both null when nothing is (any more) or when Escape lets go. What is only pointed at is shown at
 * once, without the widget; what is taken is shown when the widget draws it.
 *
 * strings: { queries, keys, map, titles? }, the names of the two columns and of the map, for those who do not see them, and
 * what stands above the columns, [of the queries, of the keys]. The queries
 * stand on the left, or, turned, on the right.
 *
 * draw({ queries: [{shown, said, dim?, mark?: "chosen" or "stray"}], keys: [...], layers: [{weights: Float32Array rows * columns, colour?}],
 *   gold: null or [[query, key], ...], view: "lines", "map" or "both", threshold, query: null or i, key: null or k })
 * cells() are the tokens that can have the focus: the queries, then the keys.
 */
export function linksView({ strings = {}, turned = false, act }) {
  const canvas = h("canvas", { className: "lml-canvas", aria: { hidden: "true" } });
  const columns = ["query", "key"].map((side) =>
    h("div", { className: `lml-column lml-${side}`, aria: { role: "listbox", label: strings[side === "query" ? "queries" : "keys"] ?? side } }));
  const across = [columns[0], canvas, columns[1]];
  const titles = (strings.titles ?? []).map((title) => h("span", { className: "lml-title", aria: { hidden: "true" } }, title));
  if (turned) titles.reverse();
  titles.splice(1, 0, ...titles.slice(1).map(() => h("span")));
  const lines = h("div", { className: `lml-lines${turned ? " lml-turned" : ""}` }, ...titles, ...(turned ? across.reverse() : across));
  const map = h("canvas", { className: "lml-map", tabIndex: 0, aria: { role: "application", label: strings.map ?? "map" } });
  const mapFrame = h("div", {}, map);
  const element = h("div", { className: "lml" }, h("style", { textContent: LINKS_STYLE }), lines, mapFrame);
  const coarse = matchMedia("(pointer: coarse)").matches;

  let data = null;
  let mean = new Float32Array();
  let top = 1; // the largest weight
  let gold = new Set();
  let peek = null; // {query, key} under the pointer or the focus
  let cursor = { query: 0, key: 0 }; // of the keyboard, on the map
  let rows = linkRows(1, 1);
  let places = mapPlaces(300, 1, 1, [40, 40]);
  let inks = null;
  let frame = null;
  const tokens = [[], []]; // {element, text, bar, name, number, shown, said, w, on}
  const kept = [h("canvas"), h("canvas")]; // all lines and the whole map, so that pointing need not draw them again
  let stale = true;

  const rowsOf = () => data.queries.length;
  const columnsOf = () => data.keys.length;
  const at = (q, k) => mean[q * columnsOf() + k];
  const focus = () => peek ?? { query: data.query, key: data.key };
  const ratio = () => Math.min(3, devicePixelRatio || 1);

  function paints() {
    if (inks) return inks;
    const back = colour(element, "var(--lm-back)");
    const css = (value) => `rgb(${colour(element, value)})`;
    const dark = back[0] + back[1] + back[2] < 384;
    inks = { back: `rgb(${back})`, text: css("var(--lm-text)"), muted: css("var(--lm-muted)"), gold: css("var(--lm-gold)"),
      accent: css("var(--lm-accent)"), scale: dark ? HEAT.dark : HEAT.light, dark, font: getComputedStyle(element).fontFamily, of: new Map() };
    return inks;
  }
  const inkOf = (value) => {
    if (!value) return paints().accent;
    if (!paints().of.has(value)) inks.of.set(value, `rgb(${colour(element, value)})`);
    return inks.of.get(value);
  };

  // ---- tokens

  function makeToken(side, i) {
    const name = h("b");
    const number = document.createTextNode("");
    const token = h("span", { className: "lml-token", tabIndex: -1, aria: { role: "option", selected: "false" } },
      h("i"), name, h("em", { aria: { hidden: "true" } }, number));
    const what = () => ({ query: side ? null : i, key: side ? i : null });
    token.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && glance(what()));
    token.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && glance(null));
    token.addEventListener("focus", () => token.matches(":focus-visible") && glance(what(), true));
    token.addEventListener("blur", () => glance(null));
    token.addEventListener("click", () => take(side, i));
    return { element: token, name, number };
  }

  function fillTokens() {
    [data.queries, data.keys].forEach((items, side) => {
      const all = tokens[side];
      while (all.length > items.length) all.pop().element.remove();
      while (all.length < items.length) {
        all.push(makeToken(side, all.length));
        columns[side].append(all.at(-1).element);
      }
      items.forEach(({ shown, said, dim, mark }, i) => {
        const token = all[i];
        if (token.shown !== shown) spelled(token.name, (token.shown = shown), 10);
        if (token.said !== said) token.element.setAttribute("aria-label", (token.said = said));
        token.element.classList.toggle("lml-dim", Boolean(dim));
        for (const name of ["chosen", "stray"]) token.element.classList.toggle(`lml-${name}`, mark === name);
        token.element.setAttribute("aria-selected", String(i === (side ? data.key : data.query)));
      });
      const stop = all.find((token) => token.element.tabIndex === 0) ?? all[0];
      for (const token of all) token.element.tabIndex = token === stop ? 0 : -1;
    });
  }

  const take = (side, i, keyboard = false) =>
    act({ kind: side ? "key" : "query", query: side ? null : i, key: side ? i : null, keyboard });

  lines.addEventListener("keydown", (event) => {
    const side = tokens.findIndex((all) => all.some((token) => token.element === document.activeElement));
    if (side < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = tokens[side];
    const i = all.findIndex((token) => token.element === document.activeElement);
    const other = tokens[1 - side];
    const to = {
      ArrowUp: all[i - 1], ArrowDown: all[i + 1], Home: all[0], End: all.at(-1),
      [(side === 1) === turned ? "ArrowRight" : "ArrowLeft"]: other[nearestRow(side, i)],
    }[event.key];
    if (event.key === "Enter" || event.key === " ") take(side, i, true);
    else if (event.key === "Escape") release("query");
    else if (to) {
      for (const each of to.element.parentElement === columns[side] ? all : other) each.element.tabIndex = each === to ? 0 : -1;
      to.element.focus();
    } else if (!/^Arrow/.test(event.key)) return;
    event.preventDefault();
  });
  /** The token of the other column that is at the same height. */
  function nearestRow(side, i) {
    const y = rows.middle(side, i);
    const far = tokens[1 - side].map((_, n) => Math.abs(rows.middle(1 - side, n) - y));
    return far.indexOf(Math.min(...far));
  }
  function release(kind) {
    peek = null;
    act({ kind, query: null, key: null, keyboard: true });
    schedule();
  }

  // ---- pointing

  function glance(next, keyboard = false) {
    if (next?.query === peek?.query && next?.key === peek?.key) return;
    peek = next;
    act({ kind: "hover", query: next?.query ?? null, key: next?.key ?? null, keyboard });
    schedule();
  }
  const spot = (event) => {
    const box = map.getBoundingClientRect();
    return cellAt(places, event.clientX - box.left, event.clientY - box.top);
  };
  const none = ({ query, key }) => query === null && key === null;
  map.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch" || !data) return;
    const next = spot(event);
    glance(none(next) ? null : next);
  });
  map.addEventListener("pointerleave", () => glance(null));
  map.addEventListener("click", (event) => {
    const { query, key } = spot(event);
    if (none({ query, key })) return;
    if (query !== null && key !== null) cursor = { query, key };
    act({ kind: query === null ? "key" : key === null ? "query" : "cell", query, key, keyboard: false });
  });
  const onCursor = () => {
    cursor = { query: Math.max(0, Math.min(rowsOf() - 1, cursor.query)), key: Math.max(0, Math.min(columnsOf() - 1, cursor.key)) };
    glance({ ...cursor }, true);
  };
  map.addEventListener("focus", () => map.matches(":focus-visible") && onCursor());
  map.addEventListener("blur", () => glance(null));
  map.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (way) cursor = { query: cursor.query + way[0], key: cursor.key + way[1] };
    else if (event.key === "Home") cursor.key = 0;
    else if (event.key === "End") cursor.key = columnsOf() - 1;
    else if (event.key === "Escape") return void (release("cell"), event.preventDefault());
    else if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    onCursor();
    if (event.key === "Enter" || event.key === " ") act({ kind: "cell", ...cursor, keyboard: true });
  });

  // ---- drawing

  function schedule() {
    frame ??= requestAnimationFrame(() => {
      frame = null;
      paint();
    });
  }

  /** A canvas of this size in CSS pixels, its pen ready. */
  function pen(target, width, height) {
    const [wide, high] = [Math.max(1, Math.round(width * ratio())), Math.max(1, Math.round(height * ratio()))];
    if (target.width !== wide || target.height !== high) Object.assign(target, { width: wide, height: high });
    const context = target.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, wide, high);
    context.setTransform(ratio(), 0, 0, ratio(), 0, 0);
    return context;
  }

  function strokeLine(context, width, q, k, offset) {
    const [y, z] = [rows.middle(0, q) + offset, rows.middle(1, k) + offset];
    context.beginPath();
    context.moveTo(2, y);
    context.bezierCurveTo(width * 0.45, y, width * 0.55, z, width - 2, z);
    context.stroke();
  }

  /** The lines of those pairs that a test lets through, of at least this weight. */
  function paintLines(context, width, through, least, strong) {
    const n = columnsOf();
    data.layers.forEach(({ weights, colour: ink }, layer) => {
      context.strokeStyle = inkOf(ink);
      context.setLineDash([]);
      const offset = (layer - (data.layers.length - 1) / 2) * Math.min(3, (rows.row - 8) / data.layers.length);
      for (let i = 0; i < weights.length; i++) {
        const w = weights[i];
        const [q, k] = [Math.floor(i / n), i % n];
        if (w < least || w < 0.002 || !through(q, k)) continue;
        context.globalAlpha = Math.min(1, strong ? 0.25 + 0.75 * w : 0.08 + 0.92 * w);
        context.lineWidth = 0.8 + 5 * Math.min(1, w);
        strokeLine(context, width, q, k, offset);
      }
    });
    context.globalAlpha = 1;
    context.strokeStyle = paints().gold;
    context.lineWidth = 2;
    context.setLineDash([5, 4]);
    for (const i of gold) if (through(Math.floor(i / n), i % n)) strokeLine(context, width, Math.floor(i / n), i % n, 0);
    context.setLineDash([]);
  }

  /** Draw a text that fits, of any script and direction. */
  function write(context, text, x, y, room, align) {
    let letters = Array.from(text.length > 60 ? text.slice(0, 60) : text);
    let shown = text.length > 60 ? `${letters.join("")}…` : text;
    while (letters.length > 1 && context.measureText(shown).width > room) {
      letters = letters.slice(0, Math.min(letters.length - 1, Math.floor(letters.length * 0.85)));
      shown = `${letters.join("")}…`;
    }
    context.textAlign = align;
    context.fillText(`\u2068${shown}\u2069`, x, y, room);
  }

  function paintNames(context, { query, key }, only) {
    const { left, top: above, cell } = places;
    const skip = [Math.ceil(11 / cell), Math.ceil(11 / cell)];
    const size = Math.max(9, Math.min(14, cell * 0.9));
    context.textBaseline = "middle";
    data.queries.forEach(({ shown, dim }, q) => {
      if (only ? q !== query : q % skip[0]) return;
      context.font = `${q === query ? 700 : 400} ${size}px ${paints().font}`;
      context.fillStyle = q === query ? paints().accent : dim ? paints().muted : paints().text;
      write(context, shown, left - 6, above + (q + 0.5) * cell, left - 8, "right");
    });
    data.keys.forEach(({ shown, dim }, k) => {
      if (only ? k !== key : k % skip[1]) return;
      context.font = `${k === key ? 700 : 400} ${size}px ${paints().font}`;
      context.fillStyle = k === key ? paints().accent : dim ? paints().muted : paints().text;
      context.save();
      context.translate(left + (k + 0.5) * cell, above - 6);
      context.rotate(-Math.PI / 2);
      write(context, shown, 0, 0, above - 8, "left");
      context.restore();
    });
  }

  function paintMap(context) {
    const { left, top: above, right, bottom, strip, cell } = places;
    const { scale, dark } = paints();
    const gap = cell > 8 ? 1 : 0;
    const numbers = cell >= 26;
    context.font = `${Math.min(12, cell * 0.36)}px ${paints().font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let q = 0; q < rowsOf(); q++) {
      for (let k = 0; k < columnsOf(); k++) {
        const [x, y, part] = [left + k * cell, above + q * cell, at(q, k) / top];
        context.fillStyle = `rgb(${heatColour(scale, part)})`;
        context.fillRect(x, y, cell - gap, cell - gap);
        if (!numbers || at(q, k) < 0.005) continue;
        context.fillStyle = part > 0.5 === dark ? "#0b1622" : dark ? "#eef3f7" : part > 0.5 ? "#fff" : "#0b1622";
        context.fillText(inWeight(at(q, k)), x + (cell - gap) / 2, y + (cell - gap) / 2);
      }
    }
    const { received, spread } = linkMarginals(mean, rowsOf(), columnsOf());
    const most = [Math.max(...received) || 1, Math.max(...spread) || 1];
    context.fillStyle = paints().muted;
    context.globalAlpha = 0.55;
    received.forEach((w, k) => context.fillRect(left + k * cell, bottom + 3, cell - gap, (strip - 4) * (w / most[0])));
    spread.forEach((w, q) => context.fillRect(right + 3, above + q * cell, (strip - 4) * (w / most[1]), cell - gap));
    context.globalAlpha = 1;
    context.strokeStyle = paints().gold;
    context.lineWidth = Math.max(1.5, Math.min(2.5, cell / 8));
    for (const i of gold) {
      const [q, k] = [Math.floor(i / columnsOf()), i % columnsOf()];
      context.strokeRect(left + k * cell + 0.5, above + q * cell + 0.5, cell - gap - 1, cell - gap - 1);
    }
    paintNames(context, {}, false);
  }

  /** What follows the pointer: names in bold, a cross, the number. */
  function paintCross(context, { query, key }) {
    const { left, top: above, right, bottom, cell } = places;
    const { text, back } = paints();
    context.strokeStyle = text;
    context.lineWidth = 1.5;
    if (query !== null) context.strokeRect(left - 1, above + query * cell - 0.5, right - left + 1, cell);
    if (key !== null) context.strokeRect(left + key * cell - 0.5, above - 1, cell, bottom - above + 1);
    context.fillStyle = back;
    if (query !== null) context.fillRect(0, above + query * cell + (cell < 12 ? cell / 2 - 7 : 0), left - 2, Math.max(14, cell));
    if (key !== null) context.fillRect(left + key * cell + (cell < 12 ? cell / 2 - 7 : 0), 0, Math.max(14, cell), above - 2);
    paintNames(context, { query, key }, true);
    if (query === null || key === null) return;
    context.lineWidth = 2.5;
    context.strokeRect(left + key * cell - 1, above + query * cell - 1, cell + 1, cell + 1);
    const number = inWeight(at(query, key));
    context.font = `700 13px ${paints().font}`;
    const width = context.measureText(number).width + 10;
    const x = Math.max(0, Math.min(places.width - width, left + (key + 0.5) * cell - width / 2));
    const y = query > 0 && above + query * cell > 26 ? above + query * cell - 24 : above + (query + 1) * cell + 4;
    context.fillStyle = text;
    context.fillRect(x, y, width, 20);
    context.fillStyle = back;
    context.textAlign = "center";
    context.fillText(number, x + width / 2, y + 10.5);
  }

  /** The weight beside each token, as a bar and a number: texts and styles change, elements do not. */
  function markTokens({ query, key }) {
    tokens.forEach((all, side) =>
      all.forEach((token, i) => {
        const on = i === (side ? key : query);
        const w = side && query !== null ? at(query, i) : !side && key !== null && query === null ? at(i, key) : null;
        const shows = w !== null && (!side || key === null || key === i);
        const text = shows ? inWeight(w) : "";
        if (token.number.data !== text) token.number.data = text;
        const part = shows ? (w / Math.max(1, top)).toFixed(3) : "0";
        if (token.w !== part) token.element.style.setProperty("--w", (token.w = part));
        if (token.on !== on) token.element.classList.toggle("lml-on", (token.on = on));
      }));
  }

  function paint() {
    if (!data || !element.isConnected) return;
    const looked = focus();
    const free = looked.query === null && looked.key === null;
    if (!lines.hidden) {
      const width = canvas.clientWidth;
      if (stale) paintLines(pen(kept[0], width, rows.height), width, () => true, data.threshold, false);
      const context = pen(canvas, width, rows.height);
      if (free) context.drawImage(kept[0], 0, 0, width, rows.height);
      else {
        const least = looked.query === null || looked.key === null ? data.threshold : 0; // of one pair whatever there is
        paintLines(context, width, (q, k) => (looked.query ?? q) === q && (looked.key ?? k) === k, least, true);
      }
      markTokens(looked);
    }
    if (!mapFrame.hidden) {
      if (stale) paintMap(pen(kept[1], places.width, places.height));
      const context = pen(map, places.width, places.height);
      context.drawImage(kept[1], 0, 0, places.width, places.height);
      if (!free) paintCross(context, looked);
    }
    stale = false;
  }

  function layout() {
    if (!data || !element.isConnected) return;
    rows = linkRows(rowsOf(), columnsOf(), coarse);
    canvas.style.height = `${rows.height}px`;
    columns.forEach((column, side) => {
      column.style.height = `${rows.steps[side] * tokens[side].length}px`;
      column.style.fontSize = rows.row < 30 ? "0.85rem" : "";
    });
    const width = mapFrame.clientWidth;
    if (width) {
      const context = kept[1].getContext("2d");
      context.font = `14px ${paints().font}`;
      const widest = (items) => Math.max(16, ...items.map(({ shown }) => context.measureText(shown.slice(0, 40)).width));
      places = mapPlaces(width, rowsOf(), columnsOf(), [widest(data.queries), widest(data.keys)]);
      map.style.height = `${places.height}px`;
    }
    stale = true;
    if (frame !== null) cancelAnimationFrame(frame);
    frame = null;
    paint();
  }

  function draw(next) {
    data = next;
    mean = linkMean(data.layers);
    top = mean.reduce((a, b) => Math.max(a, b), 0) || 1;
    gold = new Set((data.gold ?? []).map(([q, k]) => q * columnsOf() + k));
    if (peek && ((peek.query ?? 0) >= rowsOf() || (peek.key ?? 0) >= columnsOf())) peek = null;
    lines.hidden = data.view === "map";
    mapFrame.hidden = data.view === "lines";
    element.classList.toggle("lml-both", data.view === "both");
    fillTokens();
    layout();
  }

  const sized = new ResizeObserver(layout);
  sized.observe(element);
  const off = onTheme(() => {
    inks = null;
    layout();
  });
  const remove = () => {
    if (frame !== null) cancelAnimationFrame(frame);
    sized.disconnect();
    off();
    element.remove();
  };
  return { element, draw, remove, cells: () => tokens.flat().map((token) => token.element) };
}
