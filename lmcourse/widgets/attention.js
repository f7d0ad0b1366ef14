// AttentionExplorer: where each token of a model looks, in all layers and heads.
// The first half is arithmetic (tested in node against Python), the second the page.

import { button, choice, colour, h, hold, icon, inLanguage, onTheme, oneStop, roving, spelled } from "./base.js";
import { heatColour, HEAT, inWeight, linkMarginals, linkMean, linkRows, linksView, mapPlaces } from "./links.js";

// ---------------------------------------------------------------- data

/** The numbers of 0 to 255 that Rice's code stands for (attention.py describes it). */
export function unrice(data, rows, columns) {
  const bytes = new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
  const values = new Uint8Array(rows * columns);
  let at = 0;
  const bit = () => (bytes[at >> 3] >> (7 - (at++ & 7))) & 1;
  const number = (bits) => {
    let n = 0;
    for (; bits; bits--) n = (n << 1) | bit();
    return n;
  };
  for (let i = 0, k = 0; i < values.length; i++) {
    if (i % columns === 0) k = number(3);
    let ones = 0;
    while (bit()) ones++;
    values[i] = (ones << k) | number(k);
  }
  return values;
}

/** The weights of one head between the tokens that are shown, raised to a power and made to sum to what they did. */
export function seenWeights(levels, { offset, columns, scale }, queries, keys, sharpness) {
  const found = new Float32Array(queries.length * keys.length);
  queries.forEach((q, row) => {
    let [all, sum] = [0, 0];
    for (let k = 0; k < columns; k++) all += levels[offset + q * columns + k];
    keys.forEach((k, i) => (sum += found[row * keys.length + i] = (levels[offset + q * columns + k] / 255) ** sharpness));
    for (let i = 0; i < keys.length; i++) found[row * keys.length + i] *= sum > 0 ? ((all / 255) * scale) / sum : 0;
  });
  return found;
}

/** How many queries have their largest weight on a right key, and how many have a right key. */
export function pointing(weights, columns, gold) {
  const rows = [...new Set(gold.map(([q]) => q))];
  const hits = rows.filter((q) => {
    let best = 0;
    for (let k = 1; k < columns; k++) if (weights[q * columns + k] > weights[q * columns + best]) best = k;
    return gold.some(([r, k]) => r === q && k === best);
  });
  return [hits.length, rows.length];
}

/** The slider of the sharpness, -20 to 20, is a power of ten. */
export const sharpnessAt = (n) => Number((10 ** (n / 20)).toPrecision(2));
export const sliderAt = (x) => Math.round(20 * Math.log10(x));

/** Numbers of the marks among tokens: [CLS], </s>, <|endoftext|>. */
export const marksOf = (tokens) => tokens.flatMap((token, i) => (/^(\[[^\]\s]+\]|<[^<>\s]+>)$/.test(token) ? [i] : []));

const SIGNS = new Map([["", "∅"], [" ", "␣"], ["Ċ", "⏎"]]);
/** A token as it is shown: without the mark of a word's beginning, never nothing, on one line (as attention.py does). */
export function visible(token) {
  const marked = /^[▁Ġ]/.test(token) && token.length > 1 ? token.slice(1) : token;
  const kept = SIGNS.get(marked) ?? marked;
  return kept.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replace(/(?![\u200c\u200d])[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, "·");
}

// ---------------------------------------------------------------- pictures

const letters = (text) =>
  Intl.Segmenter ? [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment) : Array.from(text);
const short = (text, most) => {
  const all = letters(text.slice(0, 200));
  return all.length > most ? `${all.slice(0, most - 1).join("")}…` : text;
};
/** About how wide a text is: an SVG cannot know its reader's fonts. */
const widthOf = (text, size) => size * letters(text).reduce((sum, letter) => sum + (letter > "\u1100" ? 1.05 : 0.63), 0);
const fitted = (text, size, room) => {
  let most = letters(text.slice(0, 200)).length;
  while (most > 1 && widthOf(short(text, most), size) > room) most--;
  return short(text, most);
};
const escaped = (text) =>
  text.replace(/[\ud800-\udfff]/gu, "\ufffd").replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "·")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/**
 * The present view as the text of an SVG: what linksView draws, from the same places. inks are the colours of the page:
 * { back, text, muted, gold, accent, scale, font }; a layer's colour is rgb(...) here.
 */
export function drawing({ queries, keys, layers, gold, view, threshold, query, key, title }, inks) {
  const [rows, columns] = [queries.length, keys.length];
  const mean = linkMean(layers);
  const names = [queries, keys].map((side) => side.map(({ shown }) => fitted(shown, 14, 140)));
  const looked = (q, k) => (query ?? q) === q && (key ?? k) === k;
  const least = query === null || key === null ? threshold : 0;
  const parts = [];
  const text = (x, y, content, more = "") => parts.push(`<text x="${x}" y="${y}" ${more}>${escaped(content)}</text>`);
  const round = (x) => Math.round(100 * x) / 100;
  let [width, height] = [24, 40];
  if (view !== "map") {
    const layout = linkRows(rows, columns);
    const [x0, x1] = [160, 380];
    const curve = (q, k, offset) => {
      const [y, z] = [layout.middle(0, q) + 32 + offset, layout.middle(1, k) + 32 + offset].map(round);
      return `M${x0} ${y}C${x0 + 100} ${y} ${x1 - 100} ${z} ${x1} ${z}`;
    };
    layers.forEach(({ weights, colour: ink }, layer) => {
      const offset = (layer - (layers.length - 1) / 2) * Math.min(3, (layout.row - 8) / layers.length);
      weights.forEach((w, i) => {
        const [q, k] = [Math.floor(i / columns), i % columns];
        if (w < least || w < 0.002 || !looked(q, k)) return;
        const style = `stroke="${ink ?? inks.accent}" stroke-opacity="${round(Math.min(1, 0.1 + 0.9 * w))}"`;
        parts.push(`<path class="line" d="${curve(q, k, offset)}" ${style} stroke-width="${round(0.8 + 5 * Math.min(1, w))}"/>`);
      });
    });
    for (const [q, k] of gold ?? []) {
      if (looked(q, k)) parts.push(`<path class="gold" d="${curve(q, k, 0)}" stroke="${inks.gold}" stroke-width="2" stroke-dasharray="5 4"/>`);
    }
    names.forEach((side, n) => side.forEach((name, i) => {
      const weight = i === (n ? key : query) ? "700" : "400";
      text(n ? x1 + 10 : x0 - 10, round(layout.middle(n, i) + 37), name, `text-anchor="${n ? "start" : "end"}" font-weight="${weight}" font-size="14"`);
    }));
    [width, height] = [540, layout.height + 44];
  }
  if (view !== "lines") {
    const from = view === "map" ? 12 : 560;
    const longest = (side) => Math.max(16, ...side.map((name) => widthOf(name, 13)));
    const places = mapPlaces(Math.max(200, 170 + 30 * columns), rows, columns, names.map(longest));
    const { left, top, cell, right, bottom, strip } = places;
    const most = mean.reduce((a, b) => Math.max(a, b), 0) || 1;
    const [x, y] = [from + left, 32 + top];
    mean.forEach((w, i) => {
      const [q, k] = [Math.floor(i / columns), i % columns];
      const at = `x="${round(x + k * cell)}" y="${round(y + q * cell)}" width="${round(cell - 1)}" height="${round(cell - 1)}"`;
      parts.push(`<rect class="cell" ${at} fill="rgb(${heatColour(inks.scale, w / most)})"/>`);
    });
    for (const [q, k] of gold ?? []) {
      const at = `x="${round(x + k * cell)}" y="${round(y + q * cell)}" width="${round(cell - 1)}" height="${round(cell - 1)}"`;
      parts.push(`<rect class="gold" ${at} stroke="${inks.gold}" stroke-width="2"/>`);
    }
    const { received, spread } = linkMarginals(mean, rows, columns);
    const tops = [received, spread].map((all) => Math.max(...all) || 1);
    received.forEach((w, k) => parts.push(`<rect x="${round(x + k * cell)}" y="${round(32 + bottom + 3)}" width="${round(cell - 1)}" height="${round(((strip - 4) * w) / tops[0])}" fill="${inks.muted}" fill-opacity="0.55"/>`));
    spread.forEach((w, q) => parts.push(`<rect x="${round(from + right + 3)}" y="${round(y + q * cell)}" width="${round(((strip - 4) * w) / tops[1])}" height="${round(cell - 1)}" fill="${inks.muted}" fill-opacity="0.55"/>`));
    const size = Math.max(6, Math.min(13, cell * 0.8));
    names[0].forEach((name, q) => text(x - 6, round(y + (q + 0.5) * cell + size / 3), fitted(name, size, left - 8), `text-anchor="end" font-size="${round(size)}"`));
    names[1].forEach((name, k) => {
      const at = `${round(x + (k + 0.5) * cell + size / 3)} ${y - 6}`;
      text(0, 0, fitted(name, size, top - 8), `transform="translate(${at}) rotate(-90)" font-size="${round(size)}"`);
    });
    [width, height] = [Math.ceil(from + places.width + 12), Math.max(height, Math.ceil(places.height + 44))];
  }
  text(12, 20, title, `font-size="13" fill="${inks.muted}"`);
  const font = escaped(inks.font ?? "sans-serif");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${font}" fill="none">
<title>${escaped(title)}</title><rect width="${width}" height="${height}" fill="${inks.back}"/>
<g fill="none"><g fill="none" stroke-linecap="round">${parts.filter((part) => !part.startsWith("<text")).join("\n")}</g>
<g fill="${inks.text}">${parts.filter((part) => part.startsWith("<text")).join("\n")}</g></g></svg>`;
}

// ---------------------------------------------------------------- words for people

const STRINGS = {
  en: {
    view: "Show", lines: "lines", map: "map", both: "both", layer: "Layer", heads: "Heads", head: (n) => `Head ${n}`,
    alone: "Double-click or Shift: this head alone", mean: "Mean", overview: "All heads", queries: "Queries (looking)",
    keys: "Keys (looked at)", weights: "Map of the weights. Arrow keys go from cell to cell, Enter keeps one, Escape lets go.",
    threshold: "Hide below", sharpness: "Sharpness", hide: "Hide tokens", marks: "Marks such as [CLS]", nothing: "Show all",
    reset: "Start over", svg: "SVG", png: "PNG", save: (kind) => `Download as ${kind}`, saved: (name) => `Saved: ${name}`,
    failed: "The picture could not be made.",
    gold: (n, of) => (of ? `${n} of ${of} tokens with a right link look most at it` : "no right link between the shown tokens"),
    hint: "Point at a token or a cell, or walk with the arrow keys. A click keeps it.",
    received: (w) => `receives ${w} on average`, spread: (n) => `spread over ${n} tokens`, lost: (w) => `${w} on hidden tokens`,
    right: "right", all: "All tokens are hidden.", one: (layer, heads) => `layer ${layer}, head ${heads}`,
    sums: (n, of, low, high) => `${n} of ${of} rows do not sum to 1, but to ${low}–${high}. Are these scores from before the softmax?`,
    grid: (layers, heads) => `Small maps of ${layers} × ${heads} heads. Arrow keys go from head to head, Enter takes one.`,
    from: "query", to: "key", strips: "Bars: right, over how many keys a query spreads; below, what a key receives",
  },
  ko: {
    view: "보기", lines: "선", map: "표", both: "둘 다", layer: "층", heads: "헤드", head: (n) => `${n}번 헤드`,
    alone: "두 번 누르거나 Shift와 함께 누르면 이 헤드만", mean: "평균", overview: "모든 헤드", queries: "쿼리(보는 쪽)",
    keys: "키(보이는 쪽)", weights: "가중치 표. 화살표 키로 칸을 옮겨 다니고, Enter로 고정하고, Esc로 놓습니다.",
    threshold: "이보다 약하면 숨김", sharpness: "날카로움", hide: "토큰 숨기기", marks: "[CLS] 같은 표시", nothing: "모두 보이기",
    reset: "처음부터", svg: "SVG", png: "PNG", save: (kind) => `${kind}로 내려받기`, saved: (name) => `저장했습니다: ${name}`,
    failed: "그림을 만들지 못했습니다.",
    gold: (n, of) => (of ? `정답 연결이 있는 토큰 ${of}개 가운데 ${n}개가 정답을 가장 많이 봅니다` : "보이는 토큰 사이에는 정답 연결이 없습니다"),
    hint: "토큰이나 칸을 가리키거나 화살표 키로 옮겨 다녀 보세요. 누르면 고정됩니다.",
    received: (w) => `받는 가중치는 평균 ${w}`, spread: (n) => `토큰 ${n}개쯤에 퍼짐`, lost: (w) => `숨긴 토큰에 ${w}`,
    right: "정답", all: "토큰을 모두 숨겼습니다.", one: (layer, heads) => `${layer}층, ${heads}번 헤드`,
    sums: (n, of, low, high) => `행 ${of}개 가운데 ${n}개는 합이 1이 아니라 ${low}~${high}입니다. 소프트맥스를 거치지 않은 점수가 아닐까요?`,
    grid: (layers, heads) => `헤드 ${layers} × ${heads}개의 작은 표. 화살표 키로 옮겨 다니고 Enter로 고릅니다.`,
    from: "쿼리", to: "키", strips: "막대: 오른쪽은 쿼리가 키 몇 개에 퍼지는지, 아래는 키가 받는 가중치",
  },
};

// ---------------------------------------------------------------- page

/** Neighbouring heads are far apart on the circle of hues. */
const headColour = (n) => `oklch(0.62 0.16 ${(265 + 137.5 * n) % 360})`;
let explorers = 0;

function render({ model, el }) {
  const uid = `lmx-${++explorers}`;
  const T = inLanguage(STRINGS, model.get("language"));
  const [L, H, rows, columns] = model.get("shape");
  const levels = unrice(model.get("data"), L * H * rows, columns);
  const scale = model.get("scale");
  const cross = model.get("cross");
  const sides = [model.get("tokens"), cross ? model.get("key_tokens") : model.get("tokens")];
  const gold = model.get("gold");
  const TRAITS = ["layer", "heads", "mean", "view", "threshold", "sharpness", "query", "key", "hidden_queries", "hidden_keys", "overview"];
  const first = Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
  const names = sides.map((side) => side.map((token, i) => ({ shown: visible(token), said: `${i}: ${visible(token)}` })));
  let own = false;
  let now = null; // what is drawn: data of linksView, with what its places stand for

  const set = (changes) => {
    own = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    own = false;
    update();
  };

  // ---- what follows from the traits

  const layer = () => Math.min(model.get("layer"), L - 1);
  const heads = () => {
    const known = model.get("heads").filter((n) => n < H);
    return known.length ? known : [0];
  };
  const open = (side) => {
    const hidden = new Set(model.get(side ? "hidden_keys" : "hidden_queries"));
    return sides[side].map((_, i) => i).filter((i) => !hidden.has(i));
  };
  const weightsOf = (l, n, places) =>
    seenWeights(levels, { offset: (l * H + n) * rows * columns, columns, scale }, ...places, model.get("sharpness"));
  const linksOf = ([queries, keys]) =>
    gold.map(([q, k]) => [queries.indexOf(q), keys.indexOf(k)]).filter(([q, k]) => q >= 0 && k >= 0);

  function look() {
    const places = [open(0), open(1)];
    const each = heads().map((n) => ({ weights: weightsOf(layer(), n, places), colour: H > 1 ? headColour(n) : undefined }));
    const placeOf = (side, name) => {
      const at = places[side].indexOf(model.get(name));
      return at < 0 ? null : at;
    };
    const mean = linkMean(each);
    return {
      places, mean, links: linksOf(places),
      data: {
        queries: places[0].map((i) => names[0][i]), keys: places[1].map((i) => names[1][i]),
        layers: model.get("mean") && each.length > 1 ? [{ weights: mean }] : each,
        gold: model.get("graded") ? linksOf(places) : null, view: model.get("view"), threshold: model.get("threshold"),
        query: placeOf(0, "query"), key: placeOf(1, "key"),
      },
    };
  }

  const isolated = (text) => `\u2068${text.length > 60 ? short(text, 40) : text}\u2069`;
  /** What a place says: "the → 그 0.83". */
  function said(query, key) {
    const { data, mean, places } = now;
    const [qs, ks, n] = [data.queries, data.keys, data.keys.length];
    const isRight = (q, k) => now.links.some(([a, b]) => a === q && b === k);
    const mark = (q, k) => (isRight(q, k) ? ` (${T.right})` : "");
    if (query !== null && key !== null) {
      return `${isolated(qs[query].shown)} → ${isolated(ks[key].shown)} ${inWeight(mean[query * n + key])}${mark(query, key)}`;
    }
    if (query !== null) {
      const row = mean.subarray(query * n, (query + 1) * n);
      const best = [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, 3).filter((k, i) => row[k] >= 0.005 || !i);
      const list = best.map((k) => `${isolated(ks[k].shown)} ${inWeight(row[k])}${mark(query, k)}`).join(", ");
      const { spread } = linkMarginals(row, 1, n);
      const lost = hiddenShare(places[0][query]);
      return `${isolated(qs[query].shown)} → ${list} · ${T.spread(spread[0].toFixed(1))}${lost ? ` · ${T.lost(inWeight(lost))}` : ""}`;
    }
    const column = qs.map((_, q) => mean[q * n + key]);
    const best = [...column.keys()].sort((a, b) => column[b] - column[a]).slice(0, 3).filter((q, i) => column[q] >= 0.005 || !i);
    const list = best.map((q) => `${isolated(qs[q].shown)} ${inWeight(column[q])}${mark(q, key)}`).join(", ");
    const mine = column.reduce((a, b) => a + b, 0) / Math.max(1, qs.length);
    return `${isolated(ks[key].shown)} ← ${list} · ${T.received(inWeight(mine))}`;
  }
  /** How much of a query's weight is on keys that are hidden. */
  function hiddenShare(query) {
    const hidden = model.get("hidden_keys").filter((k) => k < columns);
    let sum = 0;
    for (const n of heads()) {
      const from = ((layer() * H + n) * rows + query) * columns;
      for (const k of hidden) sum += ((levels[from + k] / 255) * scale) / heads().length;
    }
    return sum;
  }

  // ---- parts

  const status = h("div", { className: "lm-hidden", aria: { role: "status", live: "polite" } });
  const words = document.createTextNode("");
  const readout = h("p", { className: "lmx-readout" }, words);
  const grade = h("p", { className: "lmx-grade" });
  const note = h("p", { className: "lmx-note", aria: { role: "note" } });
  const empty = h("p", { className: "lmx-empty" }, T.all);
  const announce = (text) => {
    if (status.textContent !== text) status.textContent = text;
  };
  const tell = (query, key) => {
    const text = query === null && key === null ? T.hint : said(query, key);
    if (words.data !== text) words.data = text;
    return text;
  };

  function act({ kind, query, key, keyboard }) {
    if (kind === "hover") {
      const text = tell(query ?? (key === null ? now.data.query : null), key ?? (query === null ? now.data.key : null));
      if (keyboard && (query !== null || key !== null)) announce(text);
      return;
    }
    const same = query === now.data.query && key === now.data.key;
    const [q, k] = [query, key].map((place, side) => (place === null || same ? null : now.places[side][place]));
    set({ query: q, key: k });
    announce(q === null && k === null ? T.hint : said(query, key));
  }

  const links = linksView({ strings: { queries: T.queries, keys: T.keys, map: T.weights, titles: [T.from, T.to] }, act });

  const views = choice(`${uid}-view`, T.view, ["lines", "map", "both"].map((name) => [name, T[name]]), (view) => set({ view }));
  const layers = h("select", { on: { change: () => set({ layer: Number(layers.value) }) } },
    ...Array.from({ length: L }, (_, i) => h("option", { value: i }, String(i))));
  const layerBox = h("label", { className: "lmx-layer", hidden: L < 2 }, T.layer, layers);

  const toggles = Array.from({ length: H }, (_, n) => {
    const toggle = h("button", { type: "button", className: "lmx-head", title: T.alone, aria: { label: T.head(n) } },
      h("i"), h("span", { aria: { hidden: "true" } }, String(n)));
    toggle.style.setProperty("--ink", headColour(n));
    toggle.addEventListener("click", (event) => {
      const chosen = heads();
      if (event.shiftKey) set({ heads: [n] });
      else if (!chosen.includes(n)) set({ heads: [...chosen, n].sort((a, b) => a - b) });
      else if (chosen.length > 1) set({ heads: chosen.filter((each) => each !== n) });
    });
    toggle.addEventListener("dblclick", () => set({ heads: [n] }));
    return toggle;
  });
  const headBox = h("div", { className: "lmx-heads", hidden: H < 2, aria: { role: "group", label: T.heads } }, h("i", {}, T.heads), ...toggles);
  roving(headBox, () => toggles, ["ArrowLeft", "ArrowRight"]);
  const mean = button("pair", T.mean, () => heads().length > 1 && set({ mean: !model.get("mean") }), "lmx-mean");
  const all = button("eye", T.overview, () => set({ overview: !model.get("overview") }), "lmx-all");
  all.hidden = L * H < 2;

  const slide = (label, properties, read) => {
    const input = h("input", { type: "range", className: "lm-heat", aria: { label }, ...properties });
    const output = h("span", { className: "lm-number" });
    input.addEventListener("input", () => set(read(Number(input.value))));
    return { input, output, box: h("label", {}, label, input, output) };
  };
  const threshold = slide(T.threshold, { min: 0, max: 0.5, step: 0.01 }, (value) => ({ threshold: value }));
  const sharpness = slide(T.sharpness, { min: -20, max: 20, step: 1 }, (value) => ({ sharpness: sharpnessAt(value) }));

  const chipBox = (side) => {
    const traits = cross ? [side ? "hidden_keys" : "hidden_queries"] : ["hidden_queries", "hidden_keys"];
    const hide = (numbers) => set(Object.fromEntries(traits.map((name) => [name, numbers])));
    const chips = sides[side].map((_, i) => {
      const chip = spelled(h("button", { type: "button", className: "lmx-chip" }), names[side][i].shown, 12);
      chip.setAttribute("aria-label", names[side][i].said);
      chip.addEventListener("click", () => {
        const hidden = model.get(traits[0]);
        hide(hidden.includes(i) ? hidden.filter((each) => each !== i) : [...hidden, i].sort((a, b) => a - b));
      });
      return chip;
    });
    const list = h("div", { className: "lmx-chips", aria: { role: "group", label: side ? T.keys : T.queries } }, ...chips);
    roving(list, () => chips, ["ArrowLeft", "ArrowRight"]);
    const marks = marksOf(sides[side]);
    const quick = h("p", { className: "lmx-quick" });
    if (cross) quick.append(h("span", {}, side ? T.keys : T.queries));
    if (marks.length) quick.append(button("less", T.marks, () => hide(marks)));
    quick.append(button("add", T.nothing, () => hide([])));
    return { element: h("div", {}, quick, list), chips, trait: traits[0] };
  };
  const boxes = cross ? [chipBox(0), chipBox(1)] : [chipBox(0)];
  const count = h("span", { className: "lm-number" });
  const hiding = h("details", { className: "lmx-hide" }, h("summary", {}, T.hide, " ", count), ...boxes.map((box) => box.element));

  const legend = h("div", { className: "lmx-legend" });
  const low = h("span", {}, "0");
  const high = h("span");
  legend.append(low, h("i"), high, h("small", {}, T.strips));

  // ---- all heads, as small maps on one canvas

  const grid = h("canvas", { className: "lmx-grid", tabIndex: 0, aria: { role: "application", label: T.grid(L, H) } });
  const gridWords = document.createTextNode("");
  const gridBox = h("div", { className: "lmx-overview" }, grid, h("p", { className: "lmx-readout" }, gridWords));
  let cursor = [0, 0];
  let tiles = null; // {key, images, grades}: drawn again only when something else is in them
  const gridPlaces = () => {
    const width = gridBox.clientWidth || 300;
    const step = Math.max(8, Math.min(72, (width - 26) / H));
    const side = Math.max(6, step - Math.max(2, step * 0.1));
    return { width, step, side, bar: model.get("graded") ? 6 : 0, left: 26, top: 18 };
  };
  const headAt = (event) => {
    const box = grid.getBoundingClientRect();
    const { step, bar, left, top } = gridPlaces();
    const [n, l] = [Math.floor((event.clientX - box.left - left) / step), Math.floor((event.clientY - box.top - top) / (step + bar))];
    return l >= 0 && l < L && n >= 0 && n < H ? [l, n] : null;
  };
  const sayHead = ([l, n]) => {
    const found = tiles?.grades?.[l * H + n];
    return `${T.one(l, n)}${found ? ` · ${T.gold(...found)}` : ""}`;
  };
  const takeHead = ([l, n]) => {
    set({ layer: l, heads: [n] });
    announce(sayHead([l, n]));
  };
  const chosenHead = () => [layer(), heads()[0]];
  grid.addEventListener("pointermove", (event) => (gridWords.data = sayHead(headAt(event) ?? chosenHead())));
  grid.addEventListener("pointerleave", () => (gridWords.data = sayHead(chosenHead())));
  grid.addEventListener("click", (event) => {
    const at = headAt(event);
    if (at) takeHead((cursor = at));
  });
  grid.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (way) cursor = [Math.max(0, Math.min(L - 1, cursor[0] + way[0])), Math.max(0, Math.min(H - 1, cursor[1] + way[1]))];
    else if (event.key === "Enter" || event.key === " ") takeHead(cursor);
    else return;
    event.preventDefault();
    announce((gridWords.data = sayHead(cursor)));
    drawGrid();
  });
  grid.addEventListener("focus", drawGrid);
  grid.addEventListener("blur", drawGrid);

  function drawGrid() {
    gridBox.hidden = !model.get("overview") || L * H < 2;
    if (gridBox.hidden || !el.isConnected) return; // colours are known in a page only
    const places = [open(0), open(1)];
    const { scale: stops, accent, gold: ink, muted, text, font } = paints();
    const key = JSON.stringify([places, model.get("sharpness"), stops]);
    if (tiles?.key !== key) {
      const links = linksOf(places);
      const [images, grades] = [[], []];
      for (let i = 0; i < L * H; i++) {
        const weights = weightsOf(Math.floor(i / H), i % H, places);
        const most = weights.reduce((a, b) => Math.max(a, b), 0) || 1;
        const image = h("canvas", { width: places[1].length || 1, height: places[0].length || 1 });
        const pixels = new ImageData(image.width, image.height);
        weights.forEach((w, n) => pixels.data.set([...heatColour(stops, w / most), 255], 4 * n));
        image.getContext("2d").putImageData(pixels, 0, 0);
        images.push(image);
        if (model.get("graded")) grades.push(pointing(weights, places[1].length, links));
      }
      tiles = { key, images, grades: model.get("graded") ? grades : null };
    }
    if (document.activeElement !== grid) gridWords.data = sayHead(chosenHead());
    const { width, step, side, bar, left, top } = gridPlaces();
    const height = top + L * (step + bar) + 2;
    const ratio = Math.min(3, devicePixelRatio || 1);
    Object.assign(grid, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    grid.style.height = `${height}px`;
    const pen = grid.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.imageSmoothingEnabled = places[0].length > side * ratio;
    pen.font = `11px ${font}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const write = (name, on, x, y) => {
      pen.fillStyle = on ? text : muted;
      pen.fillText(name, x, y);
    };
    for (let n = 0; n < H; n += Math.ceil(16 / step)) write(n, heads().includes(n), left + n * step + side / 2, 8);
    for (let l = 0; l < L; l++) write(l, l === layer(), 11, top + l * (step + bar) + side / 2);
    for (let i = 0; i < L * H; i++) {
      const [l, n] = [Math.floor(i / H), i % H];
      const [x, y] = [left + n * step, top + l * (step + bar)];
      pen.drawImage(tiles.images[i], x, y, side, side);
      if (tiles.grades?.[i][1]) {
        pen.fillStyle = muted;
        pen.globalAlpha = 0.3;
        pen.fillRect(x, y + side + 1, side, 4);
        pen.globalAlpha = 1;
        pen.fillStyle = ink;
        pen.fillRect(x, y + side + 1, (side * tiles.grades[i][0]) / tiles.grades[i][1], 4);
      }
      const here = document.activeElement === grid && cursor[0] === l && cursor[1] === n;
      if (!here && (l !== layer() || !heads().includes(n))) continue;
      pen.strokeStyle = here ? text : accent;
      pen.lineWidth = here ? 3 : 2.5;
      pen.strokeRect(x - 0.5, y - 0.5, side + 1, side + 1);
    }
  }

  // ---- pictures

  let inks = null;
  function paints() {
    if (inks) return inks;
    const back = colour(el, "var(--lm-back)");
    const css = (value) => `rgb(${colour(el, value)})`;
    const dark = back[0] + back[1] + back[2] < 384;
    inks = { back: `rgb(${back})`, text: css("var(--lm-text)"), muted: css("var(--lm-muted)"), gold: css("var(--lm-gold)"),
      accent: css("var(--lm-accent)"), scale: dark ? HEAT.dark : HEAT.light, font: getComputedStyle(el).fontFamily };
    return inks;
  }
  function picture() {
    const inksOf = (ink) => (ink ? `rgb(${colour(el, ink)})` : undefined);
    const layersOf = now.data.layers.map((each) => ({ ...each, colour: inksOf(each.colour) }));
    return drawing({ ...now.data, layers: layersOf, title: T.one(layer(), heads().join(", ")) }, paints());
  }
  function download(blob, kind) {
    const name = `attention-layer${layer()}-head${heads().join("-")}.${kind}`;
    const link = h("a", { href: URL.createObjectURL(blob), download: name });
    el.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    announce(T.saved(name));
  }
  const asBlob = (svg) => new Blob([svg], { type: "image/svg+xml" });
  async function savePng() {
    try {
      const image = new Image();
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(picture())}`;
      await image.decode();
      const canvas = h("canvas", { width: 2 * image.width, height: 2 * image.height });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
      if (!blob) throw new Error(T.failed);
      download(blob, "png");
    } catch {
      note.textContent = T.failed;
    }
  }
  const saver = (kind, save) => {
    const element = button("less", T[kind], save, "lmx-save");
    element.querySelector("path").setAttribute("d", "M12 4v11M7 10.5l5 5 5-5M5 20h14");
    element.setAttribute("aria-label", T.save(T[kind]));
    return element;
  };
  const savers = [saver("svg", () => download(asBlob(picture()), "svg")), saver("png", savePng)];
  const reset = button("reset", T.reset, () => {
    set(first);
    announce(T.reset);
  });

  el.classList.add("lm-explorer", "lmx");
  el.replaceChildren(
    h("div", { className: "lm-head" }, views, h("div", { className: "lmx-right" }, ...savers, reset)),
    h("div", { className: "lmx-which", hidden: L * H < 2 }, layerBox, headBox, mean, all),
    gridBox, note, readout, links.element, empty, legend, grade,
    h("div", { className: "lm-settings" }, threshold.box, sharpness.box, hiding), status);
  const release = hold(el);

  // ---- drawing

  function update() {
    now = look();
    const { data } = now;
    const nothing = !data.queries.length || !data.keys.length;
    for (const input of views.querySelectorAll("input")) input.checked = input.value === model.get("view");
    layers.value = String(layer());
    toggles.forEach((toggle, n) => toggle.setAttribute("aria-pressed", String(heads().includes(n))));
    oneStop(toggles, heads()[0]);
    mean.hidden = H < 2;
    mean.setAttribute("aria-pressed", String(model.get("mean")));
    mean.setAttribute("aria-disabled", String(heads().length < 2));
    all.setAttribute("aria-pressed", String(model.get("overview")));
    threshold.input.value = model.get("threshold");
    threshold.output.textContent = inWeight(model.get("threshold"));
    sharpness.input.value = sliderAt(model.get("sharpness"));
    sharpness.output.textContent = `×${model.get("sharpness")}`;
    for (const { chips, trait } of boxes) {
      chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(model.get(trait).includes(i))));
      oneStop(chips, 0);
    }
    const hidden = boxes.reduce((sum, { trait }) => sum + model.get(trait).length, 0);
    count.textContent = hidden ? `(${hidden})` : "";
    const sums = model.get("sums");
    note.textContent = sums.length ? T.sums(sums[0], sums[1], inWeight(sums[2]), inWeight(sums[3])) : "";
    grade.hidden = !model.get("graded");
    if (model.get("graded")) grade.textContent = T.gold(...pointing(now.mean, data.keys.length, now.links));
    empty.hidden = !nothing;
    links.element.hidden = nothing;
    for (const saver of savers) saver.disabled = nothing;
    legend.hidden = nothing || model.get("view") === "lines";
    high.textContent = inWeight(now.mean.reduce((a, b) => Math.max(a, b), 0));
    links.draw(data);
    tell(data.query, data.key);
    drawScale();
    drawGrid();
  }
  function drawScale() {
    if (!el.isConnected) return;
    const stops = paints().scale.map((stop) => `rgb(${stop})`).join(", ");
    legend.style.setProperty("--scale", `linear-gradient(90deg, ${stops})`);
  }

  const changed = () => own || update();
  const traits = TRAITS.map((name) => `change:${name}`).join(" ");
  model.on(traits, changed);
  const sized = new ResizeObserver(() => {
    drawScale();
    drawGrid();
  });
  sized.observe(el);
  const off = onTheme(() => {
    inks = null;
    drawScale();
    drawGrid();
  });
  update();

  return () => {
    sized.disconnect();
    off();
    release();
    links.remove();
    model.off(traits, changed);
  };
}

export default { render };
