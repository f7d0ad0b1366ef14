// TranslationExplorer: an encoder reads what is typed, one vector goes over, a decoder writes.

import {
  button, choice, colour, h, hold, icon, inLanguage, oneStop, onTheme, percent, rank, roving, spelled,
} from "./base.js";
import { linear, readTokens, readWeights, STEPS } from "./networks.js";
import { join, split } from "./pieces.js";
import { cut, encode, greedy, inflate, LONGEST, nameOf, open, search, textOf } from "./translator.js";

// ---------------------------------------------------------------- words for people

const STRINGS = {
  en: {
    try: "Try", type: "Type a sentence", text: "Sentence to translate", back: "One step back", on: "One step forward",
    play: "Play", stop: "Stop", reset: "Start over", reads: "The encoder reads", tap: "tap a piece to take it out",
    pieces: "Pieces that the encoder reads", out: "taken out", unknown: "unknown",
    stray: (w) => `Unknown to the network, which reads <unk> there: ${w}`, long: (n) => `The network reads the first ${n} pieces.`,
    context: "Context vector", all: (n) => `${n} numbers: all that the decoder gets`,
    changed: (n, of) => `${n} of ${of} cells changed by more than 0.1`,
    contextIs: (n, v) => `cell ${n} = ${v}`,
    filling: (n, of) => `filling: ${n} of ${of} pieces read`, right: "from the left", left: "from the right",
    writes: "The decoder writes", output: "Pieces that the decoder writes", reference: "Right answer", same: "equal",
    differs: "differs", undo: "Back to the likeliest", next: "Next piece",
    choice: (n, of) => `choice ${n} of ${of}`, wait: "The decoder waits until everything is read.", forced: "your choice",
    tree: "Beam search", width: "Width", penalty: "Length penalty", winner: "winner", greedy: "greedy",
    gone: "not in the beam", nothing: "(nothing)", end: "end", start: "start", log: "ln p", score: "score", length: "pieces",
    loading: "The network is being unpacked.", says: (a, b) => `${a} gives: ${b}.`, old: "This browser cannot unpack the network; a newer one can.",
    node: (text, log) => `${text}, ln p ${log}`, was: "before",
  },
  ko: {
    try: "예", type: "문장을 써 보세요", text: "번역할 문장", back: "한 걸음 뒤로", on: "한 걸음 앞으로",
    play: "재생", stop: "멈춤", reset: "처음부터", reads: "인코더가 읽습니다", tap: "조각을 누르면 빠집니다",
    pieces: "인코더가 읽는 조각", out: "빠짐", unknown: "모르는 조각",
    stray: (w) => `신경망이 몰라서 <unk>로 읽는 조각: ${w}`, long: (n) => `신경망은 앞의 ${n}개 조각만 읽습니다.`,
    context: "문맥 벡터", all: (n) => `숫자 ${n}개: 디코더는 이것만 받습니다`,
    changed: (n, of) => `${of}칸 가운데 ${n}칸이 0.1보다 많이 바뀌었습니다`,
    contextIs: (n, v) => `${n}번 칸 = ${v}`,
    filling: (n, of) => `채우는 중: ${of}개 가운데 ${n}개 읽음`, right: "왼쪽부터", left: "오른쪽부터",
    writes: "디코더가 씁니다", output: "디코더가 쓰는 조각", reference: "정답", same: "같음",
    differs: "다름", undo: "가장 그럴듯한 것으로", next: "다음 조각",
    choice: (n, of) => `${of}번 가운데 ${n}번째 선택`, wait: "디코더는 다 읽을 때까지 기다립니다.", forced: "내가 고름",
    tree: "빔 탐색", width: "너비", penalty: "길이 벌점", winner: "최종", greedy: "탐욕",
    gone: "빔에 없음", nothing: "(없음)", end: "끝", start: "시작", log: "ln p", score: "점수", length: "조각",
    loading: "신경망을 푸는 중입니다.", says: (a, b) => `${a} → ${b}.`, old: "이 브라우저는 신경망을 풀지 못합니다. 더 새로운 브라우저에서는 됩니다.",
    node: (text, log) => `${text}, ln p ${log}`, was: "전",
  },
};

const signed = (x, digits = 2) => `${x < 0 ? "−" : ""}${Math.abs(x).toFixed(digits)}`;

// ---------------------------------------------------------------- page

const BARS = 8;
const [COLUMN, ROW] = [92, 46];
let views = 0;

function render({ model, el }) {
  const uid = `lmt-${++views}`;
  const T = inLanguage(STRINGS, model.get("language"));
  const first = model.get("text");
  let net = null;
  let [pieces, ids, full, read, written, tree] = [[], [], null, null, [], null];
  let [timer, gone, peek, picked] = [null, false, null, null];
  let own = false;

  const set = (changes) => {
    own = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    own = false;
  };
  const kept = () => pieces.map((_, i) => i).filter((i) => !model.get("out").includes(i));
  const total = () => kept().length + written.length;
  const at = () => Math.min(model.get("step") ?? Infinity, total());
  const wrote = () => Math.max(0, at() - kept().length);
  /** The choice that is looked at: the next one, or, when all is done, the one that was hardest. */
  const looked = () => {
    if (model.get("step") !== null) return Math.min(wrote(), written.length - 1);
    return written.reduce((low, s, i) => (s.logs[s.id] < written[low].logs[written[low].id] ? i : low), 0);
  };
  const say = (piece) => nameOf(piece, T);
  const spell = (element, piece) => {
    const [shown, said] = say(piece);
    element.classList.toggle("lm-special", shown !== said);
    return spelled(element, shown, 10);
  };

  // ---- computing

  const translate = () => {
    const [sources, targets] = [net.ids[0], net.target.length];
    const all = cut(net, model.get("text"));
    pieces = all.slice(0, LONGEST);
    const notes = [];
    const stray = [...new Set(pieces.filter((piece) => !sources.has(piece)))];
    if (stray.length) notes.push(T.stray(stray.slice(0, 5).map((piece) => `“${say(piece)[0]}”`).join(" ")));
    if (all.length > LONGEST) notes.push(T.long(LONGEST));
    if (complaint.textContent !== notes.join(" ")) complaint.textContent = notes.join(" ");
    ids = pieces.map((piece) => sources.get(piece) ?? sources.get("<unk>"));
    full = encode(net, ids);
    read = kept().length === ids.length ? full : encode(net, kept().map((i) => ids[i]));
    written = greedy(net, read, model.get("forced").filter((id) => id < targets));
    seek();
  };
  const seek = () => {
    tree = search(net, read, model.get("beam"), model.get("length_penalty"));
    picked = null;
  };
  const halt = () => {
    clearTimeout(timer);
    timer = null;
  };
  const act = (what) => (...details) => {
    if (!net) return;
    halt();
    what(...details);
    draw();
    announce();
  };
  const goTo = (place) => set({ step: Math.max(0, Math.min(total(), place)) });
  const rewrite = (text) => {
    set({ text, out: [], forced: [], step: null });
    translate();
  };
  const knock = (i) => {
    const out = model.get("out");
    set({ out: out.includes(i) ? out.filter((k) => k !== i) : [...out, i].sort((a, b) => a - b), forced: [], step: null });
    translate();
  };
  const force = (id) => {
    const place = looked();
    set({ forced: [...written.slice(0, place).map((s) => s.id), id], step: kept().length + place + 1 });
    written = greedy(net, read, model.get("forced"));
  };

  // ---- parts

  const status = h("div", { className: "lm-hidden", aria: { role: "status", live: "polite" } });
  const output = () => textOf(net, written.map((s) => s.id)) || T.nothing;
  const announce = () => {
    const parts = [T.says(model.get("text") || T.nothing, output())];
    if (model.get("out").length) parts.push(changes());
    if (at() < kept().length) parts.push(T.filling(at(), kept().length));
    else if (written.length) {
      const { logs } = written[looked()];
      const top = rank(logs.map(Math.exp)).slice(0, 3).map((id) => `${say(net.target[id])[1]} ${percent(Math.exp(logs[id]))}`);
      parts.push(`${T.choice(looked() + 1, written.length)}: ${top.join(", ")}.`);
    }
    status.textContent = parts.join(" ");
  };
  const moved = () => full.context.map((v, k) => Math.abs(v - read.context[k]));
  const changes = () => T.changed(moved().filter((d) => d > 0.1).length, full.context.length);

  const { examples } = model.get("network");
  const chips = h("div", { className: "lmt-examples", hidden: !examples.length }, h("span", {}, T.try), ...examples.map((text) => {
    const chip = h("button", { type: "button", className: "lmt-example" }, spelled(h("span"), text, 60));
    chip.addEventListener("click", act(() => rewrite(text)));
    return chip;
  }));
  const field = h("textarea", { rows: 1, spellcheck: false, placeholder: T.type, value: first, aria: { label: T.text } });
  field.addEventListener("input", () => {
    if (!net) return;
    halt();
    rewrite(field.value);
    draw();
  });
  field.addEventListener("change", () => net && announce());
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault(); // one sentence, one line
    if (net) announce();
  });
  const complaint = h("p", { className: "lm-complaint", aria: { role: "alert" } });

  const small = (name, text, run) => {
    const element = button(name, text, run, "lmt-small");
    element.title = text;
    return element;
  };
  const backButton = small("back", T.back, act(() => goTo(at() - 1)));
  const onButton = small("on", T.on, act(() => goTo(at() + 1)));
  const playButton = button("play", T.play, () => {
    if (!net) return;
    if (timer) return act(() => {})();
    if (at() >= total()) goTo(0);
    const turn = () => {
      if (gone || !el.isConnected) return;
      goTo(at() + 1);
      timer = at() < total() ? setTimeout(turn, 380) : null;
      draw();
      if (!timer) announce();
    };
    timer = setTimeout(turn, 380);
    draw();
  }, "lm-main");
  const resetButton = button("reset", T.reset, act(() => rewrite(first)));
  const undoButton = button("undo", T.undo, act(() => {
    set({ forced: [], step: null });
    written = greedy(net, read);
  }));

  const group = (className, label, pick) => {
    const box = h("div", { className, aria: { role: "group", label } });
    roving(box, () => [...box.querySelectorAll("button")], ["ArrowLeft", "ArrowRight"]);
    box.addEventListener("click", (event) => {
      const token = event.target.closest("button");
      if (token) act(pick)([...box.children].indexOf(token));
    });
    return box;
  };
  const source = group("lmt-tokens", T.pieces, knock);
  const target = group("lmt-tokens", T.output, (i) => goTo(kept().length + i));
  const reference = h("p", { className: "lmt-reference" });
  const sourceNote = h("small");

  const strip = h("canvas", { className: "lmt-strip", tabIndex: 0, aria: { role: "img", label: T.context } });
  const stripNote = h("small");
  const stripValue = h("small", { className: "lmt-value" });
  const scale = h("span", { className: "lmt-scale", aria: { hidden: "true" } }, h("span", {}, "−1"), h("i"), h("span", {}, "+1"));
  const contextBox = h("section", { className: "lmt-context" },
    h("h4", {}, T.context, " ", stripNote), strip, h("div", { className: "lmt-foot" }, stripValue, scale));

  const nextTitle = h("h4");
  const bars = h("ol", { className: "lmt-bars", aria: { role: "list", label: T.next } });
  roving(bars, () => [...bars.querySelectorAll("button")], ["ArrowUp", "ArrowDown"]);
  const wait = h("p", { className: "lmt-wait" }, T.wait);
  const widths = choice(`${uid}-beam`, T.width, [1, 2, 3, 4, 5].map((n) => [String(n), String(n), `${T.width} ${n}`]), act((n) => {
    set({ beam: Number(n) });
    seek();
  }));
  const penalty = h("input", { type: "range", min: 0, max: 2, step: 0.1, className: "lm-heat" });
  const penaltyShown = h("span", { className: "lm-number" });
  penalty.addEventListener("input", act(() => {
    set({ length_penalty: Number(penalty.value) });
    seek();
  }));
  const found = h("ol", { className: "lmt-found", aria: { role: "list", label: T.tree } });
  const plot = h("div", { className: "lmt-plot", aria: { role: "group", label: T.tree } });
  const forest = h("div", { className: "lmt-forest" }, plot);
  const legend = h("div", { className: "lmt-legend" }, h("span", { className: "lmt-win" }, T.winner), h("span", { className: "lmt-greedy" }, T.greedy));
  const readout = h("p", { className: "lmt-readout" });
  plot.addEventListener("keydown", (event) => {
    const here = event.target.node;
    const nodes = [...plot.querySelectorAll("button")];
    const near = (level, row) => nodes.filter((e) => e.node.level === level).sort((a, b) => Math.abs(a.node.row - row) - Math.abs(b.node.row - row))[0];
    const to = here && {
      ArrowLeft: () => nodes.find((e) => e.node === here.parent) ?? near(here.level - 1, here.row),
      ArrowRight: () => nodes.find((e) => e.node.parent === here) ?? near(here.level + 1, here.row),
      ArrowUp: () => nodes.find((e) => e.node.level === here.level && e.node.row === here.row - 1),
      ArrowDown: () => nodes.find((e) => e.node.level === here.level && e.node.row === here.row + 1),
    }[event.key];
    if (!to) return;
    event.preventDefault();
    to()?.focus();
  });
  const pickNode = (event) => {
    const element = event.target.closest("button");
    if (!element || picked === element.node) return;
    picked = element.node;
    for (const each of plot.querySelectorAll("button")) each.tabIndex = each === element ? 0 : -1;
    drawReadout();
  };
  plot.addEventListener("focusin", pickNode);
  plot.addEventListener("click", pickNode);

  el.classList.add("lm-explorer", "lmt");
  el.replaceChildren(
    chips,
    h("section", { className: "lmt-box" }, h("h4", {}, T.reads, " ", sourceNote), field, source, complaint),
    contextBox,
    h("section", { className: "lmt-box" }, h("h4", {}, T.writes), target, reference),
    h("div", { className: "lm-actions" }, h("span", { className: "lmt-steps" }, backButton, playButton, onButton), undoButton, resetButton),
    h("div", { className: "lmt-body" },
      h("section", { className: "lmt-next" }, nextTitle, bars, wait),
      h("section", { className: "lmt-search" }, h("h4", {}, T.tree), widths,
        h("label", { className: "lmt-penalty" }, h("span", {}, T.penalty), penalty, penaltyShown), found)),
    legend, forest, readout, status,
  );
  const release = hold(el);
  const arrows = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !event.target.closest(".lm-actions, .lmt-strip")) return;
    event.preventDefault();
    act(() => goTo(at() + by))();
  };
  el.addEventListener("keydown", arrows);

  // ---- drawing

  let inks = null;
  const paints = () =>
    (inks ??= Object.fromEntries(["back", "hot", "cold", "edge", "gold", "text"].map((name) => [name, colour(el, `var(--lm-${name})`)])));

  const fill = (box, list, make) => {
    const focused = [...box.children].findIndex((e) => e === document.activeElement);
    while (box.children.length > list.length) box.lastChild.remove();
    list.forEach((each, i) => {
      if (!box.children[i]) box.append(h("button", { type: "button", className: "lmt-token", tabIndex: -1 }, h("b"), h("i")));
      make(box.children[i], each, i);
    });
    oneStop([...box.children], 0);
    if (focused >= 0) (box.children[focused] ?? box.lastChild)?.focus();
  };

  function drawTokens() {
    const [still, count] = [kept(), kept().length];
    const done = Math.min(at(), count);
    sourceNote.textContent = T.tap;
    fill(source, pieces, (token, piece, i) => {
      const order = still.indexOf(i);
      const known = net.ids[0].has(piece);
      const both = read.states.length > 1;
      spell(token.firstChild, piece);
      token.classList.toggle("lmt-word", i > 0 && piece.startsWith("▁"));
      token.classList.toggle("lmt-out", order < 0);
      token.classList.toggle("lmt-stray", !known);
      token.classList.toggle("lmt-later", order >= done && !(both && order >= count - done));
      token.classList.toggle("lmt-now", done < count && (order === done - 1 || (both && done > 0 && order === count - done)));
      token.setAttribute("aria-pressed", String(order < 0));
      token.setAttribute("aria-label", [say(piece)[1], ...(order < 0 ? [T.out] : []), ...(known ? [] : [T.unknown])].join(", "));
    });
    const forced = model.get("forced");
    fill(target, written, (token, { id, logs, best: top }, i) => {
      const p = Math.exp(logs[id]);
      spell(token.firstChild, net.target[id]);
      token.classList.toggle("lmt-word", net.target_unit !== "word" && i > 0 && net.target[id].startsWith("▁"));
      token.style.setProperty("--p", p.toFixed(3));
      token.classList.toggle("lmt-forced", i < forced.length && id !== top);
      token.classList.toggle("lmt-later", i >= wrote());
      token.classList.toggle("lmt-now", at() >= count && i === looked());
      if (i === looked()) token.setAttribute("aria-current", "step");
      else token.removeAttribute("aria-current");
      token.setAttribute("aria-label", [say(net.target[id])[1], percent(p), ...(i < forced.length && id !== top ? [T.forced] : [])].join(", "));
    });
    const right = model.get("truth")[model.get("text")];
    reference.hidden = right === undefined;
    if (right !== undefined) {
      const same = output() === right;
      reference.replaceChildren(h("small", {}, T.reference), " ", spelled(h("span"), right, 999), " ",
        h("small", { className: same ? "lmt-same" : "lmt-differs" }, same ? `✓ ${T.same}` : `≠ ${T.differs}`));
    }
    undoButton.hidden = !forced.length;
    playButton.replaceChildren(icon(timer ? "stop" : "play"), h("span", {}, timer ? T.stop : T.play));
    playButton.setAttribute("aria-pressed", String(Boolean(timer)));
    backButton.setAttribute("aria-disabled", String(at() === 0));
    onButton.setAttribute("aria-disabled", String(at() >= total()));
  }

  let grid = null;
  /** The cells: for each direction its rows, the state after as many pieces as have been read. */
  function drawStrip() {
    const count = kept().length;
    const done = Math.min(at(), count);
    const values = read.states.flatMap((all) => [...all[done]]);
    const size = values.length / read.states.length;
    const ratio = Math.min(2, devicePixelRatio || 1);
    const wide = strip.clientWidth || 600;
    const rows = Math.ceil(size / Math.max(1, Math.floor(wide / 9)));
    const across = Math.ceil(size / rows);
    const [cell, high, gap] = [wide / across, 17, 7];
    const tall = read.states.length * rows * high + (read.states.length - 1) * gap;
    grid = { across, cell, high, gap, rows, size, values };
    strip.style.height = `${tall}px`;
    strip.width = Math.round(wide * ratio);
    strip.height = Math.round(tall * ratio);
    const pen = strip.getContext("2d");
    pen.scale(ratio, ratio);
    const { back, hot, cold, edge, gold, text } = paints();
    const far = model.get("out").length && done === count ? moved() : null;
    values.forEach((value, k) => {
      const [direction, n] = [Math.floor(k / size), k % size];
      const [x, y] = [(n % across) * cell, (direction * rows + Math.floor(n / across)) * high + direction * gap];
      const a = Math.min(1, Math.abs(value)) ** 0.75;
      const ink = back.map((v, c) => Math.round(v + ((value < 0 ? cold : hot)[c] - v) * a));
      pen.fillStyle = `rgb(${ink})`;
      pen.fillRect(x + 0.5, y + 0.5, cell - 1, high - 1);
      const changed = far && far[k] > 0.1;
      pen.strokeStyle = k === peek ? `rgb(${text})` : changed ? `rgb(${gold})` : `rgb(${edge})`;
      pen.lineWidth = k === peek || changed ? 2 : 0.5;
      pen.strokeRect(x + 1, y + 1, cell - 2, high - 2);
    });
    stripNote.textContent = done < count ? T.filling(done, count) : T.all(values.length);
    stripValue.textContent = peek !== null && peek < values.length ? T.contextIs(peek, signed(values[peek]))
      : far ? changes() : read.states.length > 1 ? `↑ ${T.right} · ↓ ${T.left}` : "";
    strip.setAttribute("aria-label", `${T.context}: ${stripNote.textContent}. ${far ? changes() : ""}`);
  }
  strip.addEventListener("pointermove", (event) => {
    if (!grid) return;
    const box = strip.getBoundingClientRect();
    const { across, cell, high, gap, rows, size } = grid;
    const band = rows * high + gap;
    const y = event.clientY - box.top;
    const direction = Math.min(read.states.length - 1, Math.max(0, Math.floor(y / band)));
    const row = Math.min(rows - 1, Math.max(0, Math.floor((y - direction * band) / high)));
    const n = row * across + Math.min(across - 1, Math.max(0, Math.floor((event.clientX - box.left) / cell)));
    const now = n < size ? direction * size + n : null;
    if (now === peek) return;
    peek = now;
    drawStrip();
  });
  strip.addEventListener("pointerleave", () => {
    peek = null;
    if (grid) drawStrip();
  });

  function drawBars() {
    const ready = at() >= kept().length && written.length > 0;
    wait.hidden = ready;
    bars.hidden = !ready;
    const place = looked();
    nextTitle.replaceChildren(T.next, " ", h("small", {}, ready ? T.choice(place + 1, written.length) : ""));
    if (!ready) return;
    const { logs, id: taken } = written[place];
    const p = logs.map(Math.exp);
    const list = rank(p).slice(0, BARS);
    if (!list.includes(taken)) list[list.length - 1] = taken;
    const focused = [...bars.children].findIndex((item) => item.contains(document.activeElement));
    while (bars.children.length > list.length) bars.lastChild.remove();
    list.forEach((id, n) => {
      if (!bars.children[n]) {
        const made = h("button", { type: "button", className: "lmt-row", tabIndex: -1 },
          h("b"), h("span", { className: "lmt-track" }, h("i")), h("span", { className: "lmt-percent" }));
        made.addEventListener("click", act(() => force(made.symbol)));
        bars.append(h("li", {}, made));
      }
      const row = bars.children[n].firstChild;
      row.symbol = id;
      spell(row.children[0], net.target[id]);
      row.children[1].firstChild.style.setProperty("--p", p[id] / p[list[0]]);
      row.children[2].textContent = percent(p[id]);
      row.setAttribute("aria-pressed", String(id === taken));
      row.setAttribute("aria-label", `${say(net.target[id])[1]}, ${percent(p[id])}`);
    });
    const rows = [...bars.querySelectorAll("button")];
    oneStop(rows, 0);
    if (focused >= 0) (rows[focused] ?? rows.at(-1)).focus();
  }

  const pathOf = (node) => (node ? [...pathOf(node.parent), node] : []);
  function drawTree() {
    for (const input of widths.querySelectorAll("input")) input.checked = input.value === String(model.get("beam"));
    penalty.value = model.get("length_penalty");
    penaltyShown.textContent = model.get("length_penalty").toFixed(1);
    // What has been found, and what greedy search has found.
    const plain = model.get("forced").length ? greedy(net, read) : written;
    const ended = plain.at(-1)?.id === net.eos;
    const greedyIds = plain.map((s) => s.id).slice(0, ended ? -1 : undefined);
    const key = (list) => list.join(" ");
    const sum = plain.reduce((a, s) => a + s.logs[s.id], 0);
    const rows = tree.done.map((node) => ({ ...node, greedy: key(node.ids) === key(greedyIds) && Boolean(node.ended) === ended }));
    if (!rows.some((row) => row.greedy)) {
      rows.push({ ids: greedyIds, total: sum, score: sum / plain.length ** model.get("length_penalty"), greedy: true, outside: true });
    }
    found.replaceChildren(...rows.map((row, n) => {
      const tags = [...(n ? [] : [["lmt-win", T.winner]]), ...(row.greedy ? [["lmt-greedy", row.outside ? `${T.greedy}, ${T.gone}` : T.greedy]] : [])];
      return h("li", { className: n ? "" : "lmt-first" },
        spelled(h("span", { className: "lmt-text" }), textOf(net, row.ids) || T.nothing, 40),
        h("span", { className: "lmt-numbers" }, `${T.score} ${signed(row.score)} · ${T.log} ${signed(row.total)}`,
          ...tags.map(([className, text]) => h("em", { className }, text))));
    }));
    // The tree: a column for each step, the likeliest beginning at the top.
    const winning = new Set(pathOf(tree.done[0]));
    const root = pathOf(tree.done[0] ?? tree.levels[0]?.[0])[0];
    const levels = [[root], ...tree.levels];
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("aria-hidden", "true");
    const lines = [[], []];
    const nodes = levels.flatMap((level, column) => level.map((node, row) => {
      Object.assign(node, { level: column, row });
      const [shown, said] = say(net.target[node.id]);
      const isGreedy = column > 0 && (node.ended ? ended && key(node.ids) === key(greedyIds) : key(node.ids) === key(greedyIds.slice(0, column)));
      const element = h("button", { type: "button", className: "lmt-node", tabIndex: -1, aria: { label: T.node(said, signed(node.total)) } },
        spelled(h("b"), shown, 9), h("small", {}, column ? signed(node.total, 1) : ""));
      element.classList.toggle("lmt-win", winning.has(node));
      element.classList.toggle("lmt-greedy", isGreedy || column === 0);
      element.style.left = `${column * COLUMN}px`;
      element.style.top = `${row * ROW}px`;
      element.node = node;
      if (node.parent) {
        const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
        const [x1, y1, x2, y2] = [(column - 1) * COLUMN + 76, node.parent.row * ROW + 20, column * COLUMN, row * ROW + 20];
        line.setAttribute("d", `M${x1} ${y1}C${x1 + 10} ${y1} ${x2 - 10} ${y2} ${x2} ${y2}`);
        if (winning.has(node)) line.setAttribute("class", "lmt-win");
        lines[Number(winning.has(node))].push(line);
      }
      return element;
    }));
    svg.append(...lines.flat());
    const size = [levels.length * COLUMN, Math.max(...levels.map((level) => level.length)) * ROW];
    plot.style.width = `${size[0]}px`;
    plot.style.height = `${size[1]}px`;
    svg.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
    plot.replaceChildren(svg, ...nodes);
    oneStop(nodes, 0);
    drawReadout();
  }
  function drawReadout() {
    const node = picked ?? tree.done[0];
    if (!node) return readout.replaceChildren();
    const length = node.ids.length + (node.ended ? 1 : 0);
    const score = node.total / Math.max(1, length) ** model.get("length_penalty");
    readout.replaceChildren(spelled(h("b"), (textOf(net, node.ids) || "▸") + (node.ended ? " ■" : " …"), 999),
      ` ${T.log} ${signed(node.total)} / ${length}^${model.get("length_penalty").toFixed(1)} = ${T.score} ${signed(score)}`);
  }

  let drawn = null;
  function draw() {
    if (field.value !== model.get("text")) field.value = model.get("text");
    drawTokens();
    drawStrip();
    drawBars();
    if (drawn !== tree) {
      drawTree();
      drawn = tree;
    }
    el.dataset.ready = "true";
  }

  const changed = () => {
    if (own || !net) return;
    translate();
    draw();
  };
  const traits = ["text", "beam", "length_penalty", "step", "out", "forced", "truth"].map((name) => `change:${name}`).join(" ");
  model.on(traits, changed);
  const off = onTheme(() => {
    inks = null;
    if (net) drawStrip();
  });
  const sized = new ResizeObserver(() => net && drawStrip());
  sized.observe(contextBox);
  stripNote.textContent = T.loading;
  inflate(model.get("network").data).then((data) => {
    if (gone) return;
    net = open(model.get("network"), data);
    translate();
    draw();
  }).catch((error) => {
    complaint.textContent = typeof DecompressionStream === "undefined" ? T.old : String(error);
    if (typeof DecompressionStream !== "undefined") throw error;
  });

  return () => {
    gone = true;
    halt();
    off();
    sized.disconnect();
    release();
    el.removeEventListener("keydown", arrows);
    model.off(traits, changed);
  };
}

export default { render };
