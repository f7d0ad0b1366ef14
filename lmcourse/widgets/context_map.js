// ContextMap: texts as points in the plane, each with its nearest neighbours.
// The first half is arithmetic (tested in node against Python), the second the page.

import { button, choice, colour, h, hold, icon, inLanguage, markTab, onTheme, roving, spelled, tabList } from "./base.js";

// ---------------------------------------------------------------- data

/** What ContextMap packed: the texts, and for each map the places in a unit square and the neighbours. */
export function readMap({ data, size, maps, labelings, neighbours }) {
  const view = new DataView(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
  const length = view.getUint32(0, true);
  const [texts, spans] = JSON.parse(new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + 4, length)));
  let at = 4 + length;
  const take = (count) =>
    Array.from({ length: count }, () => {
      at += 2;
      return view.getUint16(at - 2, true);
    });
  const places = maps.map(() => take(2 * size).map((x) => x / 65535)); // x, y, x, y, ...
  const near = maps.map(() => take(neighbours * size));
  const labels = labelings.map(() => Array.from({ length: size }, () => view.getUint8(at++)));
  const nearest = near.map((all) => texts.map((_, i) => all.slice(i * neighbours, (i + 1) * neighbours)));
  return { texts, spans, places, nearest, labels };
}

/** The text before, in and after a span that counts code points. */
export function parted(text, span) {
  if (!span) return [text, "", ""];
  const letters = Array.from(text);
  return [letters.slice(0, span[0]), letters.slice(...span), letters.slice(span[1])].map((part) => part.join(""));
}

const plain = (text) => text.normalize("NFC").toLowerCase();
/** Whether a text holds what is searched for, in any case of letters. */
export const matches = (text, query) => plain(text).includes(plain(query.trim()));

/** How many neighbours have the label of their point, from 0 to 1. */
export function agreement(nearest, labels) {
  let [same, all] = [0, 0];
  nearest.forEach((near, i) => {
    same += near.filter((j) => labels[j] === labels[i]).length;
    all += near.length;
  });
  return same / all;
}

/** The next point in a direction: near rather than far, ahead rather than aside. −1 where there is none. */
export function towards(places, from, [dx, dy], allowed) {
  let [best, least] = [-1, Infinity];
  for (let i = 0; i < places.length / 2; i++) {
    const x = places[2 * i] - places[2 * from];
    const y = places[2 * i + 1] - places[2 * from + 1];
    const ahead = x * dx + y * dy;
    const aside = Math.abs(x * dy - y * dx);
    const far = ahead + 2 * aside;
    if (i !== from && allowed(i) && ahead > 0 && aside <= 2 * ahead && far < least) [best, least] = [i, far];
  }
  return best;
}

/** The point at a place, or −1 when none is as near as the reach. */
export function pointAt(places, x, y, reach, allowed) {
  let [best, least] = [-1, reach * reach];
  for (let i = 0; i < places.length / 2; i++) {
    const far = (places[2 * i] - x) ** 2 + (places[2 * i + 1] - y) ** 2;
    if (far <= least && allowed(i)) [best, least] = [i, far];
  }
  return best;
}

// ---------------------------------------------------------------- words for people

const STRINGS = {
  en: {
    maps: "Map",
    colour: "Colour",
    canvas: (n) => `Map of ${n} texts`,
    keys: "Arrow keys go from point to point, Escape lets go, plus, minus and 0 change the size.",
    hint: "Point at a point, or walk with the arrow keys. A click keeps it.",
    search: "Search the texts",
    found: (n, all) => `${n} of ${all}`,
    legend: "Labels",
    hide: (label) => `${label}: show or hide`,
    closer: "Closer",
    wider: "Wider",
    all: "Show all",
    release: "Let go",
    nearest: "Nearest by the angle between the vectors",
    nearestHere: "Nearest on the map",
    share: (n) => (n === 1 ? "nearest neighbours with the same label" : `of the ${n} nearest neighbours have the same label`),
    said: (text, label, near) => `${text}. ${label}${near ? `. Neighbours: ${near}` : ""}`,
    empty: "empty text",
  },
  ko: {
    maps: "지도",
    colour: "색",
    canvas: (n) => `글 ${n}개의 지도`,
    keys: "화살표 키로 점을 옮겨 다니고, Esc로 놓고, +, −, 0으로 크기를 바꿉니다.",
    hint: "점을 가리키거나 화살표 키로 옮겨 다녀 보세요. 누르면 고정됩니다.",
    search: "글에서 찾기",
    found: (n, all) => `${all}개 중 ${n}개`,
    legend: "이름표",
    hide: (label) => `${label}: 보이기, 숨기기`,
    closer: "크게",
    wider: "작게",
    all: "모두 보기",
    release: "놓기",
    nearest: "벡터 사이의 각이 작은 이웃",
    nearestHere: "지도에서 가까운 이웃",
    share: (n) => `가까운 이웃 ${n}개 가운데 이름표가 같은 비율`,
    said: (text, label, near) => `${text}. ${label}${near ? `. 이웃: ${near}` : ""}`,
    empty: "빈 글",
  },
};

// ---------------------------------------------------------------- page

const COLOURS = ["#1a80c2", "#d55e00", "#0a9468", "#bb62a2", "#8f7a00", "#808080"]; // plots.PALETTE
const SHAPES = [
  "M1 0A1 1 0 1 1-1 0A1 1 0 1 1 1 0Z",
  "M-.88-.88H.88V.88H-.88Z",
  "M0-1.15 1.1.8H-1.1Z",
  "M0-1.25 1.05 0 0 1.25-1.05 0Z",
  "M-.4-1.15H.4V-.4H1.15V.4H.4V1.15H-.4V.4H-1.15V-.4H-.4Z",
  "M0 1.15 1.1-.8H-1.1Z",
];
const colourOf = (label) => COLOURS[label % 6];
const shapeOf = (label) => SHAPES[(label + Math.floor(label / 6)) % 6];
const EDGE = 26; // pixels around the points
let views = 0;

function marker(label) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "-1.6 -1.6 3.2 3.2");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "lmc-marker");
  path.setAttribute("d", shapeOf(label));
  path.setAttribute("fill", colourOf(label));
  svg.append(path);
  return svg;
}

function render({ model, el }) {
  const uid = `lmc-${++views}`;
  const T = inLanguage(STRINGS, model.get("language"));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const names = model.get("maps");
  const labelings = model.get("labelings");
  const size = model.get("size");
  const k = model.get("neighbours");
  const items = readMap({ data: model.get("data"), size, maps: names, labelings, neighbours: k });
  const none = Array.from({ length: size }, () => 0);
  const paths = SHAPES.map((shape) => new Path2D(shape));

  const map = () => Math.min(model.get("map"), names.length - 1);
  const labeling = () => labelings[Math.min(model.get("colour"), labelings.length - 1)];
  const labels = () => items.labels[labelings.indexOf(labeling())] ?? none;
  const chosen = () => (model.get("chosen") !== null && model.get("chosen") < size ? model.get("chosen") : null);
  const query = () => model.get("query");
  let peek = null; // the point under the pointer
  let shown = [...items.places[map()]]; // where the points stand at the moment
  let flight = null; // the animation frame of points on their way
  let view = { zoom: 1, x: 0.5, y: 0.5 }; // of the square of the map: the place in the middle
  let found = none.map(() => true);
  let own = false;
  let box = { width: 300, height: 225 };

  const look = () => peek ?? chosen();
  const visible = (i) => !model.get("hidden").includes(labeling()?.classes[labels()[i]]);
  const open = (i) => visible(i) && found[i];
  const set = (changes) => {
    own = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    own = false;
    update();
  };

  // ---- places

  const scale = () => (Math.min(box.width, box.height) - 2 * EDGE) * view.zoom;
  const toPixel = (x, y) => [box.width / 2 + (x - view.x) * scale(), box.height / 2 - (y - view.y) * scale()];
  const toPlace = (x, y) => [view.x + (x - box.width / 2) / scale(), view.y - (y - box.height / 2) / scale()];
  const zoomTo = (zoom, [px, py] = [box.width / 2, box.height / 2]) => {
    const [x, y] = toPlace(px, py);
    view.zoom = Math.max(1, Math.min(20, zoom));
    const [nx, ny] = toPlace(px, py);
    moveTo(view.x + x - nx, view.y + y - ny);
  };
  const moveTo = (x, y) => {
    const room = 0.5 - 0.5 / view.zoom;
    const within = (v) => Math.max(0.5 - room, Math.min(0.5 + room, v));
    Object.assign(view, { x: within(x), y: within(y) });
    canvas.style.touchAction = view.zoom > 1 ? "none" : "pan-y";
    drawMap();
    drawZoom();
  };
  const fly = () => {
    cancelAnimationFrame(flight);
    const [from, to] = [shown, items.places[map()]];
    if (calm.matches || !el.isConnected) {
      shown = [...to];
      return drawMap();
    }
    const began = performance.now();
    const frame = (time) => {
      const done = Math.max(0, Math.min(1, (time - began) / 900));
      const way = done * done * (3 - 2 * done);
      shown = to.map((x, n) => from[n] + (x - from[n]) * way);
      drawMap();
      if (done < 1) flight = requestAnimationFrame(frame);
    };
    flight = requestAnimationFrame(frame);
  };

  // ---- parts

  const status = h("div", { className: "lm-hidden", aria: { role: "status", live: "polite" } });
  const textOf = (i) => items.texts[i] || T.empty;
  const labelOf = (i) => labeling()?.classes[labels()[i]] ?? "";
  const announce = () => {
    const i = chosen();
    if (i === null) return (status.textContent = "");
    const near = items.nearest[map()][i].map((j) => `${textOf(j)} (${labelOf(j)})`).join("; ");
    status.textContent = T.said(textOf(i), labelOf(i), near);
  };
  const choose = (i) => {
    peek = null;
    set({ chosen: i });
    announce();
  };

  const tabs = tabList(names, T.maps, uid, (i) => {
    if (i === map()) return;
    set({ map: i });
    fly();
    announce();
  });
  const options = labelings.map(({ name }, i) => [i, name || String(i + 1)]);
  const colours = choice(`${uid}-colour`, T.colour, options, (i) => set({ colour: i, hidden: [] }));
  colours.hidden = labelings.length < 2;

  const field = h("input", { type: "search", placeholder: T.search, autocomplete: "off", spellcheck: false, aria: { label: T.search } });
  const count = h("span", { className: "lmc-count", aria: { role: "status" } });
  field.addEventListener("input", () => set({ query: field.value }));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !query().trim()) return;
    const all = found.map((yes, i) => (yes && visible(i) ? i : -1)).filter((i) => i >= 0);
    if (all.length) choose(all[(all.indexOf(chosen()) + 1) % all.length]);
  });

  const canvas = h("canvas", { className: "lmc-canvas", tabIndex: 0, aria: { role: "application", label: T.canvas(size), describedby: `${uid}-keys` } });
  const keys = h("p", { className: "lm-hidden", id: `${uid}-keys` }, T.keys);
  const small = (name, text, act) => Object.assign(button(name, text, act, "lmc-small"), { title: text });
  const wider = small("less", T.wider, () => zoomTo(view.zoom / 1.5));
  const closer = small("add", T.closer, () => zoomTo(view.zoom * 1.5));
  const whole = small("reset", T.all, () => {
    view.zoom = 1;
    moveTo(0.5, 0.5);
  });
  const stage = h("div", { className: "lmc-stage" }, canvas, h("div", { className: "lmc-zoom" }, closer, wider, whole));

  const legend = h("div", { className: "lmc-legend", aria: { role: "group", label: T.legend } });
  const share = h("p", { className: "lmc-share" });
  const side = h("div", { className: "lmc-side" });
  const panel = h("div", { className: "lmc-panel", id: `${uid}-panel` },
    h("div", { className: "lmc-body" }, h("div", {}, stage, legend, share), side));
  el.classList.add("lm-explorer", "lmc");
  el.replaceChildren(
    h("div", { className: "lm-head" }, tabs, colours, h("span", { className: "lmc-search" }, field, count)), panel, keys, status);
  const release = hold(el);

  // ---- pointers and keys

  const pointers = new Map();
  let moved = 0;
  const spot = (event) => {
    const at = canvas.getBoundingClientRect();
    return [event.clientX - at.left, event.clientY - at.top];
  };
  const under = ([x, y], reach) => {
    const i = pointAt(shown, ...toPlace(x, y), reach / scale(), open);
    return i < 0 ? null : i;
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    pointers.set(event.pointerId, spot(event));
    moved = pointers.size > 1 ? 99 : 0;
    try {
      canvas.setPointerCapture(event.pointerId);
    } catch {
      // a pointer that a script made up cannot be captured
    }
  });
  canvas.addEventListener("pointermove", (event) => {
    const to = spot(event);
    const from = pointers.get(event.pointerId);
    if (!from) {
      if (event.pointerType !== "touch") glance(under(to, 14));
      return;
    }
    moved += Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (pointers.size === 2) {
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const apart = (at) => Math.max(8, Math.hypot(at[0] - other[0], at[1] - other[1]));
      zoomTo(view.zoom * (apart(to) / apart(from)), [(to[0] + other[0]) / 2, (to[1] + other[1]) / 2]);
    } else if (view.zoom > 1 && moved > 4) {
      moveTo(view.x - (to[0] - from[0]) / scale(), view.y + (to[1] - from[1]) / scale());
    }
    pointers.set(event.pointerId, to);
  });
  const lift = (event) => {
    const at = pointers.get(event.pointerId);
    if (at && event.type === "pointerup" && moved < 8) {
      const i = under(at, event.pointerType === "touch" ? 28 : 14);
      choose(i === chosen() ? null : i);
    }
    pointers.delete(event.pointerId);
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => glance(null));
  // Without the focus the wheel scrolls the page.
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoomTo(view.zoom * 1.0015 ** -event.deltaY, spot(event));
  }, { passive: false });
  const glance = (i) => {
    if (i === peek) return;
    peek = i;
    drawMap();
    drawSide();
  };

  const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = WAYS[event.key];
    const size = { "+": 1.5, "=": 1.5, "-": 1 / 1.5 }[event.key];
    if (way) {
      const to = chosen() === null ? pointAt(shown, view.x, view.y, 9, open) : towards(shown, chosen(), way, open);
      if (to >= 0) {
        const [x, y] = toPixel(shown[2 * to], shown[2 * to + 1]);
        if (x < EDGE || y < EDGE || x > box.width - EDGE || y > box.height - EDGE) moveTo(shown[2 * to], shown[2 * to + 1]);
        choose(to);
      }
    } else if (size) zoomTo(view.zoom * size);
    else if (event.key === "0") whole.click();
    else if (event.key === "Escape") choose(null);
    else return;
    event.preventDefault();
  });

  // ---- drawing

  let inks = null;
  const paints = () => (inks ??= { back: `rgb(${colour(el, "var(--lm-back)")})`, text: `rgb(${colour(el, "var(--lm-text)")})` });

  function drawMap() {
    const ratio = Math.min(3, devicePixelRatio || 1);
    const pen = canvas.getContext("2d");
    const [wide, high] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, wide, high);
    const { back, text } = paints();
    const centre = look();
    const near = centre === null ? [] : items.nearest[map()][centre];
    const base = (size > 400 ? 3.6 : size > 120 ? 4.6 : 5.6) * Math.min(1.8, view.zoom ** 0.35) * (box.width < 420 ? 0.85 : 1);
    const searching = query().trim() !== "";
    const point = (i, radius, alpha, ring) => {
      const [x, y] = toPixel(shown[2 * i], shown[2 * i + 1]);
      if (x < -20 || y < -20 || x > box.width + 20 || y > box.height + 20) return;
      const label = labels()[i];
      const r = radius * ratio;
      pen.setTransform(r, 0, 0, r, x * ratio, y * ratio);
      pen.globalAlpha = alpha;
      pen.fillStyle = colourOf(label);
      pen.strokeStyle = ring ?? back;
      pen.lineWidth = (ring ? 2.4 : 1.2) / radius;
      const path = paths[SHAPES.indexOf(shapeOf(label))];
      pen.stroke(path);
      pen.fill(path);
    };
    for (let i = 0; i < size; i++) {
      if (visible(i) && !found[i]) point(i, base * 0.8, 0.13);
    }
    for (let i = 0; i < size; i++) {
      if (open(i) && i !== centre && !near.includes(i)) point(i, searching ? base * 1.15 : base, centre === null ? 0.85 : 0.35);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (centre !== null) {
      const from = toPixel(shown[2 * centre], shown[2 * centre + 1]);
      pen.globalAlpha = 0.7;
      pen.strokeStyle = text;
      pen.lineWidth = 1.2;
      for (const j of near.filter(visible)) {
        pen.beginPath();
        pen.moveTo(...from);
        pen.lineTo(...toPixel(shown[2 * j], shown[2 * j + 1]));
        pen.stroke();
      }
      for (const j of near.filter(visible)) point(j, base * 1.35, 1, text);
      point(centre, base * 1.9, 1, text);
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      const letters = Array.from(textOf(centre));
      const name = letters.slice(0, 18).join("") + (letters.length > 18 ? "…" : "");
      pen.font = `600 13px ${getComputedStyle(el).fontFamily}`;
      const width = Math.min(pen.measureText(name).width, box.width - 16);
      const left = Math.max(8, Math.min(box.width - width - 8, from[0] - width / 2));
      const top = from[1] > 42 ? from[1] - base * 1.9 - 9 : from[1] + base * 1.9 + 18;
      pen.globalAlpha = 1;
      pen.lineJoin = "round";
      pen.lineWidth = 5;
      pen.strokeStyle = back;
      pen.fillStyle = text;
      pen.strokeText(name, left, top, width);
      pen.fillText(name, left, top, width);
    }
    pen.globalAlpha = 1;
  }

  /** A text with its marked part. */
  function written(i, className) {
    const [before, part, after] = parted(items.texts[i], items.spans[i]);
    const element = spelled(h("span", { className }), items.texts[i] || T.empty, 400);
    if (!items.texts[i]) element.classList.add("lm-special");
    if (part) element.replaceChildren(before, h("mark", {}, part), after);
    return element;
  }
  const badge = (i) => {
    const label = labelOf(i);
    return labeling() ? h("span", { className: "lmc-badge" }, marker(labels()[i]), spelled(h("span"), label || "∅", 24)) : "";
  };

  function drawSide() {
    const i = look();
    const focused = side.contains(document.activeElement) ? [...side.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    if (i === null) {
      side.replaceChildren(h("p", { className: "lmc-hint" }, T.hint));
      return;
    }
    side.classList.add("lmc-used");
    const card = h("div", { className: "lmc-card" }, written(i, "lmc-text"), badge(i));
    const near = h("ol", { className: "lmc-near" });
    near.setAttribute("role", "list");
    for (const j of items.nearest[map()][i]) {
      const go = h("button", { type: "button", className: "lmc-neighbour", on: { click: () => choose(j) } }, badge(j), written(j, "lmc-text"));
      if (labeling()) go.classList.toggle("lmc-other", labels()[j] !== labels()[i]);
      near.append(h("li", {}, go));
    }
    const release = small("less", T.release, () => choose(null));
    release.replaceChildren("×", h("span", {}, T.release));
    release.classList.add("lmc-release");
    if (i === chosen()) card.append(release);
    side.replaceChildren(card, ...(k ? [h("h4", {}, model.get("by_cosine") ? T.nearest : T.nearestHere), near] : []));
    roving(near, () => [...near.querySelectorAll("button")], ["ArrowUp", "ArrowDown"]);
    if (focused >= 0) (side.querySelectorAll("button")[focused] ?? canvas).focus();
  }

  function drawLegend() {
    const focused = [...legend.children].indexOf(document.activeElement);
    legend.hidden = !labeling();
    legend.replaceChildren(...(labeling()?.classes ?? []).map((label, n) => {
      const many = labels().filter((each) => each === n).length;
      const on = !model.get("hidden").includes(label);
      const toggle = h("button", { type: "button", className: "lmc-class", aria: { pressed: String(on), label: T.hide(label || "∅") } },
        marker(n), spelled(h("span"), label || "∅", 24), h("small", {}, String(many)));
      toggle.addEventListener("click", () => {
        const hidden = model.get("hidden");
        set({ hidden: on ? [...hidden, label] : hidden.filter((each) => each !== label) });
      });
      return toggle;
    }));
    legend.children[focused]?.focus();
    share.hidden = !labeling() || !k;
    if (!share.hidden) {
      const percent = `${Math.round(100 * agreement(items.nearest[map()], labels()))}%`;
      share.replaceChildren(h("b", {}, percent), " ", T.share(k));
    }
  }

  function drawZoom() {
    wider.setAttribute("aria-disabled", String(view.zoom === 1));
    whole.setAttribute("aria-disabled", String(view.zoom === 1));
    closer.setAttribute("aria-disabled", String(view.zoom === 20));
  }

  function update() {
    found = items.texts.map((text) => matches(text, query()));
    if (field.value !== query()) field.value = query();
    count.textContent = query().trim() ? T.found(found.filter((yes, i) => yes && visible(i)).length, size) : "";
    markTab(tabs, panel, map());
    for (const input of colours.querySelectorAll("input")) input.checked = input.value === String(model.get("colour"));
    drawLegend();
    drawMap();
    drawSide();
    drawZoom();
  }

  const changed = () => {
    if (own) return;
    update();
    fly();
  };
  const traits = ["map", "colour", "chosen", "query", "hidden"].map((name) => `change:${name}`).join(" ");
  model.on(traits, changed);
  const sized = new ResizeObserver(() => {
    const wide = stage.clientWidth;
    if (!wide) return;
    box = { width: wide, height: Math.min(480, Math.max(280, wide * 0.82)) };
    canvas.style.height = `${box.height}px`;
    drawMap();
  });
  sized.observe(stage);
  const off = onTheme(() => {
    inks = null;
    drawMap();
  });
  update();

  return () => {
    cancelAnimationFrame(flight);
    sized.disconnect();
    off();
    release();
    model.off(traits, changed);
  };
}

export default { render };
