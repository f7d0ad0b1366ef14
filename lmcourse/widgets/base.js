// What the widgets of the course share. base.py puts this text in the place of the line that imports it, since what
// a widget ships is one module. No dependencies.

// ---------------------------------------------------------------- chance

/** p^(1/T), of the k likeliest words, made to sum to 1. T = 0 leaves the likeliest only; k = 0 keeps all. */
export function reshape(p, temperature, k = 0) {
  const ranked = rank(p);
  const kept = ranked.slice(0, temperature === 0 ? 1 : k || ranked.length);
  const best = p[kept[0]];
  const q = new Float64Array(p.length);
  let sum = 0;
  for (const i of kept) sum += q[i] = temperature === 0 ? 1 : (p[i] / best) ** (1 / temperature);
  return q.map((x) => x / sum);
}

/** Ids of the words with a probability above 0, likeliest first; equals stay in the order of the vocabulary. */
export function rank(p) {
  const ids = [];
  p.forEach((x, i) => x > 0 && ids.push(i));
  return ids.sort((a, b) => p[b] - p[a] || a - b);
}

/** Where a dart lands that is thrown at u in [0, 1): the parts lie side by side, likeliest first. */
export function draw(p, u) {
  const ranked = rank(p);
  let left = u;
  for (const i of ranked) {
    left -= p[i];
    if (left < 0) return i;
  }
  return ranked.at(-1);
}

/** The n-th number in [0, 1) of a seed: the same in every browser. */
export function random(seed, n) {
  let x = (Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(n + 1, 0x85ebca6b)) | 0;
  for (const factor of [0x21f0aaad, 0x735a2d97]) {
    x = Math.imul(x ^ (x >>> 16), factor);
    x ^= x >>> 15;
  }
  return (x >>> 0) / 2 ** 32;
}

// ---------------------------------------------------------------- words for people

export const percent = (p) => {
  if (p === 0) return "0%";
  if (p < 0.001) return "<0.1%";
  return `${(100 * p).toFixed(p < 0.9995 ? 1 : 0)}%`;
};

export const inBits = (bits) => (Number.isFinite(bits) ? bits.toFixed(1) : "∞");

export const HANGUL = /[가-힣ㄱ-ㆎ]/;
export const BLANKS = { "": ["∅", "blank"], " ": ["␣", "space"], "\n": ["⏎", "newline"], "\t": ["⇥", "tab"] };

/** Put a text into an element: of any script, direction and length, never as HTML. */
export function spelled(element, shown, longest = 14) {
  element.textContent = shown;
  element.dir = "auto";
  if (HANGUL.test(shown)) element.lang = "ko";
  else element.removeAttribute("lang");
  element.title = shown.length > longest ? shown : "";
  return element;
}

/** The strings of the language that is asked for, or else of the page. */
export const inLanguage = (strings, language) =>
  strings[(language || document.documentElement.lang || "en").startsWith("ko") ? "ko" : "en"];

// ---------------------------------------------------------------- page

/** An element with properties; children are set as text or nodes, never as HTML. */
export function h(tag, { on = {}, aria = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(name === "role" ? name : `aria-${name}`, value);
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  element.append(...children);
  return element;
}

const ICONS = {
  dice: "M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2ZM8 8h.01M16 8h.01M12 12h.01M8 16h.01M16 16h.01",
  play: "M8 5.5v13l10-6.5-10-6.5Z",
  stop: "M7 7h10v10H7z",
  undo: "M9 7 4.5 11.5 9 16M5 11.5h9a5.2 5.2 0 0 1 0 10.4h-3",
  back: "M15 6l-7 6 7 6",
  on: "M9 6l7 6-7 6",
  add: "M12 5v14M5 12h14",
  less: "M5 12h14",
  pair: "M4 7h16M4 12h10M4 17h13",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 14.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2Z",
  pen: "M4 20l1-4.5L16.5 4a2 2 0 0 1 3 3L8 18.800 4 20ZM14 6.500l3 3",
  reset: "M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 3.5v4.3h-4.3",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** One stop for Tab, arrows inside: items is called anew on every key, since the items come and go. */
export function roving(container, items, keys) {
  container.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(event.target.closest("button"));
    const to = { [keys[0]]: at - 1, [keys[1]]: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, to))].focus();
  });
  container.addEventListener("focusin", (event) => {
    const all = items();
    if (all.includes(event.target)) for (const item of all) item.tabIndex = item === event.target ? 0 : -1;
  });
}

/** After redrawing: exactly one item is in the Tab order, the one that was. */
export function oneStop(items, preferred) {
  const stop = items.find((item) => item.tabIndex === 0) ?? items[preferred] ?? items.at(-1);
  for (const item of items) item.tabIndex = item === stop ? 0 : -1;
}

/** A button with a picture and a word. */
export function button(name, text, act, className = "") {
  const element = h("button", { type: "button", className: `lm-button ${className}`, on: { click: act } });
  element.append(icon(name), h("span", {}, text));
  return element;
}

/** Tabs by name, hidden when there is one only. */
export function tabList(names, label, uid, act) {
  const tabs = h("div", { className: "lm-pill", aria: { role: "tablist", label } });
  names.forEach((name, i) => {
    const tab = h("button", { type: "button", id: `${uid}-tab${i}`, aria: { role: "tab", controls: `${uid}-panel` } });
    tab.addEventListener("click", () => act(i));
    tabs.append(spelled(tab, name || String(i + 1), 40));
  });
  tabs.hidden = names.length < 2;
  roving(tabs, () => [...tabs.children], ["ArrowLeft", "ArrowRight"]);
  return tabs;
}

/** Show which of the tabs is chosen. */
export function markTab(tabs, panel, chosen) {
  [...tabs.children].forEach((each, i) => {
    each.setAttribute("aria-selected", String(i === chosen));
    each.tabIndex = i === chosen ? 0 : -1;
  });
  if (tabs.hidden) return;
  panel.setAttribute("role", "tabpanel");
  panel.setAttribute("aria-labelledby", tabs.children[chosen].id);
}

/** One of a few: radio buttons that look like a pill. options: [value, shown, said]. */
export function choice(name, label, options, act) {
  const group = h("div", { className: "lm-pill", aria: { role: "radiogroup", label } }, h("i", {}, label));
  for (const [value, shown, said] of options) {
    const input = h("input", { type: "radio", name, value, aria: { label: said ?? shown } });
    input.addEventListener("change", () => act(value));
    group.append(h("label", { title: said ?? "" }, input, spelled(h("span", { aria: { hidden: "true" } }), shown, 40)));
  }
  return group;
}

/** Keys are the widget's while it has the focus: d d must not delete a cell of JupyterLab. */
export function hold(el) {
  const keep = (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
  };
  el.addEventListener("keydown", keep);
  return () => el.removeEventListener("keydown", keep);
}

/** Call back when the page turns dark or light, since a canvas does not follow by itself. */
export function onTheme(callback) {
  const observer = new MutationObserver(callback);
  for (const root of [document.documentElement, document.body]) {
    observer.observe(root, { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light", "class"] });
  }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", callback);
  return () => {
    observer.disconnect();
    dark.removeEventListener("change", callback);
  };
}

/** A CSS colour, whatever it is mixed from, as [red, green, blue] of 0 to 255. */
export function colour(el, value) {
  const probe = h("i", { hidden: true });
  probe.style.color = value;
  el.append(probe);
  const pen = h("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  pen.fillStyle = getComputedStyle(probe).color;
  pen.fillRect(0, 0, 1, 1);
  probe.remove();
  return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
}
