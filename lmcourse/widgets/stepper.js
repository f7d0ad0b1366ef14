// AttentionStepper: the seven steps from the encoder's states to the next word, forward and back.
// The first half is arithmetic (tested in node against numpy), the second the page.

import { button, colour, h, hold, icon, inLanguage, onTheme, percent, roving, spelled } from "./base.js";
import { fromHalf } from "./networks.js";
import { join } from "./pieces.js";

// ---------------------------------------------------------------- arithmetic

export const STAGES = 7;

/** The rows of a matrix out of the bytes that stepper.py packs. */
export function readRows({ shape: [rows, columns], size, data }) {
  const view = new DataView(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
  const value = {
    8: (k) => view.getFloat64(8 * k, true), 4: (k) => view.getFloat32(4 * k, true), 2: (k) => fromHalf(view.getUint16(2 * k, true)),
  }[size];
  return Array.from({ length: rows }, (_, r) => Float64Array.from({ length: columns }, (_, c) => value(r * columns + c)));
}

/** exp(score) over its sum, without overflow. */
export function softmax(scores) {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const exp = Array.from(scores, (score) => Math.exp(score - most));
  const sum = exp.reduce((a, b) => a + b, 0);
  return exp.map((e) => e / sum);
}

export const dot = (a, b) => a.reduce((sum, x, k) => sum + x * b[k], 0);

/** The context: every state times its weight, added up. */
export const mix = (weights, states) => states[0].map((_, k) => weights.reduce((sum, w, s) => sum + w * states[s][k], 0));

/** The additive score with all that comes before it. */
export function additive({ query, key, bias, score }, q, state) {
  const asked = query.map((row) => dot(row, q));
  const keyed = key.map((row, a) => dot(row, state) + bias[0][a]);
  const hidden = asked.map((x, a) => Math.tanh(x + keyed[a]));
  return { asked, keyed, hidden, score: dot(hidden, score[0]) };
}

/** So many stages further on, or back; beyond the last stage comes the next word. Stages count from 1. */
export function walk({ step, stage }, by, steps) {
  const at = Math.max(0, Math.min(steps * STAGES - 1, step * STAGES + stage - 1 + by));
  return { step: Math.floor(at / STAGES), stage: (at % STAGES) + 1 };
}

// ---------------------------------------------------------------- numbers for people

/** A number with so many decimals, never −0; beyond 100,000 as a power of ten. */
export function fixed(x, digits) {
  if (Math.abs(x) >= 1e5) {
    const [digit, power] = x.toExponential(2).split("e");
    return `${digit.replace("-", "−")}·10^${Number(power)}`;
  }
  const text = x.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/** A sum of products: 0.50 × 0.20 + 0.10 × (−0.40). */
export function products(a, b, digits) {
  const inner = (x) => (fixed(x, digits).startsWith("−") ? `(${fixed(x, digits)})` : fixed(x, digits));
  return Array.from(a, (x, k) => `${k ? inner(x) : fixed(x, digits)} × ${inner(b[k])}`).join(" + ");
}

// ---------------------------------------------------------------- words for people

const STRINGS = {
  en: {
    names: ["States", "Scores", "Weights", "Context", "Into the decoder", "Prediction", "Output"],
    stages: "The seven steps of attention", written: "The decoder writes", at: (n, of) => `word ${n} of ${of}`,
    later: "not yet written", back: "Back", on: "Next", play: "Play", stop: "Stop", whatIf: "What if?",
    stageOf: (n, name) => `Step ${n} of 7: ${name}`,
    says: [
      (v) => `${v.first ? "The encoder has read the source and left one state for each piece" : "For the next word the encoder's states stay as they are"}: ${v.S} states of ${v.D} numbers.`,
      (v) => ({
        "": `The present state of the decoder, q, is set against each of the ${v.S} states, and out comes one score each.`,
        additive: "Each state goes, together with the present state of the decoder, q, through a small fully connected layer, and out comes its score.",
        general: "A matrix turns each state into the language of the decoder; its product with the present state of the decoder, q, is the score.",
        dot: "Each state is multiplied, number by number, with the present state of the decoder, q; the sum is its score.",
      })[v.scorer],
      () => "Softmax turns the scores into weights: all above 0, and together 1.",
      () => "Each state is multiplied by its weight, and all are added up: the context vector of this word.",
      (v) => `The context goes into the decoder, beside the word that was written last: “${v.last}”.`,
      (v) => v.changed ? "With other scores the decoder would predict something else; there is no model in this page to say what." : "The decoder takes a step and predicts: every word it knows gets a probability. Its output will be the next input.",
      (v) => v.changed ? "What would be written is not known here." : v.over ? `“${v.word}” is written, and with it the output is complete.` : `“${v.word}” is written. It is the next input, and the walk starts again for the next word.`,
    ],
    formulas: (scorer) => [
      "states h = encoder(source)",
      { "": "score = f(q, h)", additive: "score = v · tanh(W q + U h + b)", general: "score = q · W h", dot: "score = q · h" }[scorer],
      "weight = exp(score) / sum of all exp(score)", "context = sum of all weight × h", "input = [last word; context]",
      "p = softmax(output layer(new state))", "next input = the word that was written",
    ],
    picture: "Source, states, scores, weights and context", piece: "source", state: "state h", score: "score",
    weight: "weight", product: "weight × h", query: "q", asks: "the decoder asks", sum: "sum",
    context: "context vector", last: "last word", decoder: "Decoder", newState: "new state",
    predicts: "Prediction", isWritten: "written", loop: "next input", unknown: "No model is behind this page: what it would predict is not known.",
    noBars: "Probabilities were not passed.", arithmetic: (p) => `The arithmetic: “${p}”`, all: "The arithmetic",
    number: (n) => `number ${n}`, of: { states: "state of", products: "weight × state of" }, queryIs: "q, state of the decoder",
    hiddenIs: "new state of the decoder", unitIs: (what, n, x) => `${what}: number ${n} = ${x}`,
    tap: "Each cell is a number: point at one or tap it.", yours: "These scores are yours.",
    undo: "Back to the scores of the model", scoreOf: (p) => `score of ${p}`, start: "start", end: "end", 
    wordVector: (w) => `vector of “${w}”`, exps: "exp(score)", 
  },
  ko: {
    names: ["상태", "점수", "가중치", "문맥 벡터", "디코더 입력", "예측", "출력"],
    stages: "어텐션의 일곱 단계", written: "디코더가 쓰는 글", at: (n, of) => `${of}개 가운데 ${n}번째 단어`,
    later: "아직 쓰지 않음", back: "이전", on: "다음", play: "재생", stop: "멈춤", whatIf: "점수를 바꾸면?",
    stageOf: (n, name) => `7단계 가운데 ${n}단계: ${name}`,
    says: [
      (v) => `${v.first ? "인코더가 원문을 읽고 조각마다 상태를 하나씩 남겼습니다" : "다음 단어를 쓸 때도 인코더의 상태는 그대로입니다"}. 숫자 ${v.D}개짜리 상태가 ${v.S}개 있습니다.`,
      (v) => ({
        "": `디코더의 현재 상태 q를 인코더의 상태 ${v.S}개와 하나씩 견주면 점수가 하나씩 나옵니다.`,
        additive: "인코더의 상태가 하나씩 디코더의 현재 상태 q와 함께 작은 완전 연결층을 지나면 점수가 나옵니다.",
        general: "행렬이 인코더의 상태를 디코더의 언어로 바꾸고, 이것과 디코더의 현재 상태 q의 내적이 점수가 됩니다.",
        dot: "인코더의 상태와 디코더의 현재 상태 q를 자리마다 곱해 더하면 점수가 됩니다.",
      })[v.scorer],
      () => "소프트맥스가 점수를 가중치로 바꿉니다. 가중치는 모두 0보다 크고, 다 더하면 1입니다.",
      () => "상태마다 자기 가중치를 곱해서 모두 더합니다. 이것이 이번 단어를 위한 문맥 벡터입니다.",
      (v) => `문맥 벡터가 디코더로 들어갑니다. 바로 앞에 쓴 단어 “${v.last}”도 나란히 들어갑니다.`,
      (v) => v.changed ? "점수가 달라지면 예측도 달라집니다. 이 페이지에는 모델이 없어서 어떻게 달라질지는 알 수 없습니다." : "디코더가 한 걸음 나아가 예측합니다. 아는 단어마다 확률을 매기고, 여기서 나온 단어가 다음 입력이 됩니다.",
      (v) => v.changed ? "무엇을 쓰게 될지 여기서는 알 수 없습니다." : v.over ? `“${v.word}” 출력. 이것으로 글이 끝났습니다.` : `“${v.word}” 출력. 이것이 다음 입력이 되고, 다음 단어를 위해 처음부터 되풀이합니다.`,
    ],
    formulas: (scorer) => [
      "상태 h = 인코더(원문)",
      { "": "점수 = f(q, h)", additive: "점수 = v · tanh(W q + U h + b)", general: "점수 = q · W h", dot: "점수 = q · h" }[scorer],
      "가중치 = exp(점수) / exp(점수)의 합", "문맥 벡터 = (가중치 × h)의 합", "입력 = [앞 단어; 문맥 벡터]",
      "p = 소프트맥스(출력층(새 상태))", "다음 입력 = 방금 쓴 단어",
    ],
    picture: "원문, 상태, 점수, 가중치, 문맥 벡터", piece: "원문", state: "상태 h", score: "점수",
    weight: "가중치", product: "가중치 × h", query: "q", asks: "디코더의 질문", sum: "합",
    context: "문맥 벡터", last: "앞 단어", decoder: "디코더", newState: "새 상태",
    predicts: "예측", isWritten: "출력", loop: "다음 입력", unknown: "이 페이지에는 모델이 없어서 무엇을 예측할지 알 수 없습니다.",
    noBars: "확률은 주어지지 않았습니다.", arithmetic: (p) => `계산: “${p}”`, all: "계산",
    number: (n) => `${n}번 숫자`, of: { states: "상태:", products: "가중치 × 상태:" }, queryIs: "디코더의 상태 q",
    hiddenIs: "디코더의 새 상태", unitIs: (what, n, x) => `${what}, ${n}번 숫자 = ${x}`,
    tap: "칸 하나가 숫자 하나입니다. 가리키거나 눌러 보세요.", yours: "직접 바꾼 점수입니다.",
    undo: "모델의 점수로 되돌리기", scoreOf: (p) => `점수: ${p}`, start: "시작", end: "끝", 
    wordVector: (w) => `“${w}”의 벡터`, exps: "exp(점수)", 
  },
};

// ---------------------------------------------------------------- page

const WAIT = 1800; // between two stages that follow by themselves
let views = 0;

function render({ model, el }) {
  const uid = `lms-${++views}`;
  const T = inLanguage(STRINGS, model.get("language"));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const rows = Object.fromEntries(Object.entries(model.get("arrays")).map(([name, each]) => [name, readRows(each)]));
  const { states, scores, queries, hidden } = rows;
  const [source, target, bars] = ["source", "target", "predictions"].map((name) => model.get(name));
  const [scorer, written, digits] = ["scorer", "numbers", "digits"].map((name) => model.get(name));
  const [S, D] = [source.length, states[0].length];
  const formulas = T.formulas(scorer);
  const largest = (all) => Math.max(1e-9, ...(all ?? []).map((row) => row.reduce((a, x) => Math.max(a, Math.abs(x)), 0)));
  const span = { states: largest(states), queries: largest(queries), hidden: largest(hidden) };
  const [low, high] = [Math.min, Math.max].map((f) => scores.reduce((a, row) => row.reduce((b, x) => f(b, x), a), 0));
  const [least, most] = [Math.floor(low) - 3, Math.ceil(high) + 3]; // of a score that is changed
  let own = false;
  let timer = null;
  let peek = null; // what is under the pointer: [kind, piece, unit]

  const fix = (x) => fixed(x, digits);
  const vector = (values) => `[${Array.from(values, fix).join(", ")}]`;
  const step = () => Math.min(model.get("step"), target.length - 1);
  const stage = () => Math.max(1, Math.min(STAGES, model.get("stage")));
  const changed = () => model.get("what_if").length === S;
  const now = () => {
    const row = changed() ? model.get("what_if") : scores[step()];
    const weights = softmax(row);
    return { scores: row, weights, context: mix(weights, states) };
  };
  const best = (values) => values.reduce((top, x, k) => (Math.abs(x) > Math.abs(values[top]) ? k : top), 0);
  const piece = () => Math.min(model.get("piece") ?? best(now().weights), S - 1);
  const unit = () => Math.min(model.get("unit") ?? best(now().context), D - 1);
  const last = () => (step() ? target[step() - 1] : model.get("start"));

  /** What a piece looks like, and how it is read out; the marks have names. */
  const say = (token) => {
    if (token === "</s>") return ["■", T.end];
    if (token === "<s>") return ["▸", T.start];
    const plain = (token === "▁" ? "␣" : join([token], "word")) || "∅";
    return [plain, plain];
  };
  const spell = (element, token, longest = 10) => {
    const [shown, said] = say(token);
    element.classList.toggle("lm-special", shown !== said);
    spelled(element, shown, longest);
    if (shown !== said) element.title = said;
    return element;
  };
  const set = (changes) => {
    own = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    own = false;
  };

  // ---- walking

  const halt = () => {
    clearTimeout(timer);
    timer = null;
  };
  const byHand = (act) => (...details) => {
    halt();
    act(...details);
    update();
    announce();
  };
  /** To a place in the walk. Another word has scores of its own, so changed ones do not stay. */
  const goTo = (place) => {
    const from = { step: step(), stage: stage() };
    set({ ...place, ...(place.step !== from.step ? { piece: null, unit: null, what_if: [] } : {}) });
    const [a, b] = [from, place].map((each) => each.step * STAGES + each.stage);
    update();
    if (b === a + 1) move();
  };
  const turn = (by) => goTo(walk({ step: step(), stage: stage() }, by, target.length));
  const over = () => step() === target.length - 1 && stage() === STAGES;
  const play = () => {
    if (over()) goTo({ step: 0, stage: 1 });
    const next = () => {
      if (!el.isConnected || document.hidden) return byHand(() => {})();
      turn(1);
      announce();
      timer = over() ? null : setTimeout(next, WAIT);
      update();
    };
    timer = setTimeout(next, WAIT / 3);
    update();
  };

  // ---- things that fly: a copy goes from one place to another, and what is there appears

  function fly(from, to, strength = 1) {
    if (calm.matches || !from || !to || !from.getClientRects().length || !to.getClientRects().length) return;
    const [home, a, b] = [el, from, to].map((each) => each.getBoundingClientRect());
    const copy = from.cloneNode(true);
    const drawn = from.matches("canvas") ? [from] : [...from.querySelectorAll("canvas")];
    const blank = copy.matches("canvas") ? [copy] : [...copy.querySelectorAll("canvas")];
    blank.forEach((canvas, n) => canvas.getContext("2d").drawImage(drawn[n], 0, 0));
    const holder = h("div", { className: "lms-flying", aria: { hidden: "true" } }, copy);
    holder.inert = true;
    for (const [name, size] of Object.entries({ left: a.left - home.left, top: a.top - home.top, width: a.width, height: a.height })) {
      holder.style[name] = `${size}px`;
    }
    el.append(holder);
    const shift = `translate(${b.left - a.left}px, ${b.top - a.top}px)`;
    const timing = { duration: 700, easing: "cubic-bezier(.45,0,.25,1)" };
    const flight = holder.animate([{ opacity: 0.25 + 0.75 * strength }, { opacity: 0.15 + 0.85 * strength, transform: shift }], timing);
    flight.onfinish = flight.oncancel = () => holder.remove();
    to.animate([{ opacity: 0 }, { opacity: 0, offset: 0.7 }, { opacity: 1 }], { duration: 900 });
  }
  function move() {
    for (const holder of el.querySelectorAll(".lms-flying")) holder.remove();
    const { weights } = now();
    const frame = body.getBoundingClientRect();
    const seen = ({ row }) => row.getBoundingClientRect().bottom > frame.top + 9 && row.getBoundingClientRect().top < frame.bottom - 9;
    if (stage() === 2) table.filter(seen).forEach((row) => fly(asking.querySelector(".lms-vector"), row.score.querySelector(".lms-value"), 0.4));
    if (stage() === 4) table.forEach((row, s) => seen(row) && fly(row.product.firstChild, contextCell.firstChild, weights[s]));
    if (stage() === 5) {
      fly(contextCell.firstChild, given.firstChild);
      if (step()) fly(picker.children[step() - 1].querySelector("b"), lastWord);
    }
    if (stage() === 7 && !changed()) fly(list.querySelector(".lms-won b"), picker.children[step()].querySelector("b"));
  }

  // ---- vectors: cells with numbers, or a strip of colours

  /** Draws a vector again and again in the same place. kind and piece say whose numbers they are. */
  function vectorOf(length, kind, at = null) {
    const box = h("span", { className: `lms-vector ${written ? "lms-figures" : "lms-strip"}` });
    if (written) box.append(...Array.from({ length }, () => h("span")));
    else {
      // Some numbers in a row, so that a cell is wide enough to point at.
      const lines = Math.max(1, Math.min(8, Math.ceil(length / 32)));
      const canvas = h("canvas", { width: Math.ceil(length / lines), height: lines });
      const place = (event) => {
        const area = canvas.getBoundingClientRect();
        const [x, y] = [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
        const column = Math.max(0, Math.min(canvas.width - 1, Math.floor(x * canvas.width)));
        return Math.min(length - 1, Math.max(0, Math.min(lines - 1, Math.floor(y * lines))) * canvas.width + column);
      };
      const point = (event) => {
        if (box.closest(".lms-later")) return;
        peek = [kind, at, place(event)];
        drawReadout();
      };
      canvas.addEventListener("pointermove", point);
      canvas.addEventListener("pointerleave", (event) => {
        if (event.pointerType === "touch") return; // what was tapped stays
        peek = null;
        drawReadout();
      });
      canvas.addEventListener("click", (event) => {
        if (box.closest(".lms-later")) return;
        const to = place(event);
        const ofStates = ["states", "products", "context"].includes(kind);
        if (ofStates) byHand(() => set({ unit: to, ...(at === null ? {} : { piece: at }) }))();
        point(event);
      });
      box.append(canvas, h("i", { className: "lms-mark" }));
      box.columns = canvas.width;
      box.lines = lines;
    }
    box.show = (values, size, marked = null) => {
      if (written) {
        values.forEach((x, k) => {
          box.children[k].textContent = fix(x);
          box.children[k].style.setProperty("--a", `${(34 * Math.min(1, Math.abs(x) / size)).toFixed(1)}%`);
          box.children[k].style.setProperty("--ink", x < 0 ? "var(--lm-cold)" : "var(--lm-hot)");
        });
        return;
      }
      const [canvas, mark] = box.children;
      const pen = canvas.getContext("2d");
      const image = pen.createImageData(canvas.width, canvas.height);
      const { back, hot, cold } = paints();
      values.forEach((x, k) => {
        const to = x < 0 ? cold : hot;
        const a = Math.min(1, Math.abs(x) / size) ** 0.8;
        image.data.set([...back.map((v, c) => Math.round(v + (to[c] - v) * a)), 255], 4 * k);
      });
      pen.putImageData(image, 0, 0);
      mark.hidden = marked === null;
      mark.style.cssText = `left:${(100 * (marked % box.columns)) / box.columns}%;top:${(100 * Math.floor(marked / box.columns)) / box.lines}%;` +
        `width:${100 / box.columns}%;height:${100 / box.lines}%`;
    };
    return box;
  }
  let inks = null;
  const paints = () => (inks ??= { back: colour(el, "var(--lm-back)"), hot: colour(el, "var(--lm-hot)"), cold: colour(el, "var(--lm-cold)") });

  // ---- parts

  el.classList.add("lm-explorer", "lms");
  el.classList.toggle("lms-many", S > 9); // a box of their own, so that the decoder stays near
  const status = h("div", { className: "lm-hidden", aria: { role: "status", live: "polite" } });

  const line = h("ol", { className: "lms-line", aria: { label: T.stages } });
  T.names.forEach((name, n) => {
    const stop = h("button", { type: "button", tabIndex: -1, aria: { label: T.stageOf(n + 1, name) }, on: { click: byHand(() => goTo({ step: step(), stage: n + 1 })) } },
      h("i", {}, String(n + 1)), h("span", {}, name));
    line.append(h("li", {}, stop));
  });
  const stops = [...line.querySelectorAll("button")];

  const picker = h("div", { className: "lms-words", aria: { role: "group", label: T.written } });
  target.forEach((token, n) => {
    const word = h("button", { type: "button", tabIndex: -1, on: { click: byHand(() => goTo({ step: n, stage: stage() })) } }, spell(h("b"), token, 14));
    picker.append(word);
  });
  const words = [...picker.children];
  roving(picker, () => words, ["ArrowLeft", "ArrowRight"]);

  const title = h("h4");
  const sentence = h("p", { className: "lms-says" });
  const formula = h("code", { className: "lms-formula" });
  const backButton = button("back", T.back, byHand(() => turn(-1)));
  const playButton = button("play", T.play, () => (timer ? byHand(() => {})() : play()));
  const onButton = button("on", T.on, byHand(() => turn(1)), "lm-main");
  const ifButton = button("pen", T.whatIf, byHand(() => {
    if (changed()) set({ what_if: [] });
    else set({ what_if: [...scores[step()]], stage: 4 });
  }), "lms-if");

  const heads = [["piece", 0], ["state", 1], ["score", 2], ["weight", 3], ["product", 4]];
  const head = h("div", { className: "lms-row lms-heads", aria: { role: "row" } },
    ...heads.map(([name, n]) => h("div", { className: `lms-${name}`, aria: { role: "columnheader" } },
      ...(n ? [h("i", { className: "lms-badge", aria: { hidden: "true" } }, String(n))] : []), h("span", {}, T[name]))));
  head.querySelectorAll("div").forEach((each, n) => n && (each.dataset.part = n));
  const cell = (name, part, ...content) => {
    const made = h("div", { className: `lms-cell lms-${name}`, aria: { role: "cell" } }, ...content);
    if (part) made.dataset.part = part;
    return made;
  };

  const asking = h("div", { className: "lms-row lms-asking", aria: { role: "row" }, hidden: !queries },
    h("div", { className: "lms-name", aria: { role: "rowheader" } }, h("b", {}, T.query), h("small", {}, T.asks)));
  if (queries) {
    asking.append(cell("state", 2, vectorOf(queries[0].length, "queries")), cell("score", 2, h("span", { className: "lms-arrow", aria: { hidden: "true" } }, "↘")), cell("blank"), cell("blank"));
  }
  const body = h("div", { className: "lms-body", aria: { role: "rowgroup" } });
  const table = source.map((token, s) => {
    const choose = h("button", { type: "button", tabIndex: -1, className: "lms-token", on: { click: byHand(() => set({ piece: s })) } }, spell(h("b"), token));
    const track = () => h("span", { className: "lms-track" }, h("i"));
    const range = h("input", { type: "range", min: least, max: most, step: 0.1, aria: { label: T.scoreOf(say(token)[1]) } });
    const typed = h("input", { type: "number", step: 0.1, aria: { label: T.scoreOf(say(token)[1]) } });
    for (const field of [range, typed]) {
      field.addEventListener("input", () => {
        const value = field.value === "" ? NaN : Number(field.value);
        if (!Number.isFinite(value) || Math.abs(value) > 1000) return;
        halt();
        set({ what_if: Array.from(now().scores, (x, k) => (k === s ? value : x)) });
        update();
      });
      field.addEventListener("change", () => announce());
    }
    const score = cell("score", 2, track(), h("span", { className: "lms-value" }), range, typed);
    const weight = cell("weight", 3, track(), h("span", { className: "lms-value" }), h("small"));
    const state = cell("state", 1, vectorOf(D, "states", s));
    const product = cell("product", 4, vectorOf(D, "products", s));
    const row = h("div", { className: "lms-row", aria: { role: "row" } }, h("div", { className: "lms-name", aria: { role: "rowheader" } }, choose), state, score, weight, product);
    body.append(row);
    return { row, choose, state, score, weight, product, range, typed };
  });
  roving(body, () => table.map((row) => row.choose), ["ArrowUp", "ArrowDown"]);
  const sumWeight = h("span", { className: "lms-value" });
  const contextCell = cell("product", 4, vectorOf(D, "context"), h("small", {}, T.context));
  const total = h("div", { className: "lms-row lms-total", aria: { role: "row" } },
    h("div", { className: "lms-name", aria: { role: "rowheader" } }, h("span", {}, T.sum)),
    cell("blank"), cell("blank"), cell("weight", 3, sumWeight), contextCell);
  const look = h("div", { className: "lms-look", aria: { role: "table", label: T.picture } }, head, asking, body, total);

  const slider = written ? null : contextCell.firstChild;
  if (slider) {
    slider.tabIndex = 0;
    slider.setAttribute("role", "slider");
    slider.setAttribute("aria-label", T.context);
    slider.setAttribute("aria-valuemin", 1);
    slider.setAttribute("aria-valuemax", D);
    slider.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: unit() - 1, ArrowRight: unit() + 1, ArrowUp: unit() - slider.columns, ArrowDown: unit() + slider.columns, Home: 0, End: D - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      peek = null;
      byHand(() => set({ unit: Math.max(0, Math.min(D - 1, to)) }))();
    });
  }
  const readout = h("p", { className: "lms-readout", hidden: written });
  const scale = h("span", { className: "lms-scale", aria: { hidden: "true" } }, h("span", {}, fix(-span.states)), h("i"), h("span", {}, fix(span.states)));
  const foot = h("div", { className: "lms-foot", hidden: written }, readout, scale);

  const lastWord = h("span", { className: "lms-chip" });
  const given = h("div", { className: "lms-given" }, vectorOf(D, "context"));
  const arrow = () => h("span", { className: "lms-into", aria: { hidden: "true" } });
  const part = (className, number, ...content) => {
    const made = h("div", { className: `lms-part ${className}` }, ...content);
    made.dataset.part = number;
    return made;
  };
  const label = (text) => h("small", { className: "lms-label" }, text);
  const memory = hidden ? vectorOf(hidden[0].length, "hidden") : null;
  const list = h("ol", { className: "lms-bars" });
  const silent = h("p", { className: "lms-silent" });
  const decoder = h("div", { className: "lms-decoder" },
    part("lms-in", 5, h("h5", {}, h("i", { className: "lms-badge", aria: { hidden: "true" } }, "5"), T.names[4]), label(T.last), h("div", {}, lastWord), label(T.context), given), arrow(),
    part("lms-core", 6, h("h5", {}, h("i", { className: "lms-badge", aria: { hidden: "true" } }, "6"), T.decoder), ...(memory ? [label(T.newState), memory] : [])), arrow(),
    part("lms-out", 6, h("h5", {}, h("i", { className: "lms-badge", aria: { hidden: "true" } }, "6"), T.predicts), list, silent));

  const loop = h("div", { className: "lms-loop", aria: { hidden: "true" } }, h("span", {}, h("i", { className: "lms-badge" }, "7"), h("span", {}, T.loop)));
  loop.dataset.part = 7;
  const yours = h("p", { className: "lms-yours" }, h("span", {}, T.yours), h("button", { type: "button", className: "lm-button lm-quiet", on: { click: byHand(() => {
    set({ what_if: [] });
    ifButton.focus();
  }) } }, T.undo));
  const workTitle = h("h4");
  const work = h("dl", { className: "lms-work" });
  const working = h("div", { className: "lms-working" }, workTitle, work);

  el.append(
    line,
    h("div", { className: "lms-written" }, h("span", { className: "lms-label" }, T.written), picker),
    h("div", { className: "lms-card" }, h("div", { className: "lms-text" }, title, sentence, formula), h("div", { className: "lm-actions" }, backButton, playButton, onButton, ifButton)),
    yours, h("div", { className: "lms-picture" }, look, foot, working, decoder, loop), status,
  );
  for (const each of [stops, words, table.map((row) => row.choose)]) each[0].tabIndex = 0;

  // Left and right walk from anywhere, except where they mean something else.
  const keys = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.target.matches("input, .lms-words *, [role=slider]")) return;
    const onLine = line.contains(event.target);
    if (onLine && (event.key === "Home" || event.key === "End")) byHand(() => goTo({ step: step(), stage: event.key === "Home" ? 1 : STAGES }))();
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") byHand(() => turn(event.key === "ArrowLeft" ? -1 : 1))();
    else return;
    event.preventDefault();
    if (onLine) stops[stage() - 1].focus();
  };
  el.addEventListener("keydown", keys);
  const release = hold(el);

  // ---- drawing

  function drawReadout() {
    if (written) return;
    const { weights, context } = now();
    const [kind, at, k] = peek ?? ["context", null, unit()];
    const [values, what] = {
      states: () => [states[at], `${T.of.states} ${say(source[at])[1]}`],
      products: () => [states[at].map((x) => weights[at] * x), `${T.of.products} ${say(source[at])[1]}`],
      context: () => [context, T.context],
      queries: () => [queries[step()], T.queryIs],
      hidden: () => [hidden[step()], T.hiddenIs],
    }[kind]();
    readout.textContent = !peek && stage() < 4 ? T.tap : T.unitIs(what, k + 1, fix(values[k]));
    if (slider) {
      slider.setAttribute("aria-valuenow", unit() + 1);
      slider.setAttribute("aria-valuetext", T.unitIs(T.context, unit() + 1, fix(context[unit()])));
    }
  }

  /** In a box of their own, the piece that is looked at comes into sight. */
  let looked = "";
  function reveal() {
    if (looked === `${step()} ${piece()}`) return;
    looked = `${step()} ${piece()}`;
    const { offsetTop, offsetHeight } = table[piece()].row;
    const top = offsetTop - body.offsetTop;
    if (top < body.scrollTop || top + offsetHeight > body.scrollTop + body.clientHeight) {
      body.scrollTop = top - (body.clientHeight - offsetHeight) / 2;
    }
  }

  const put = (name, ...lines) => [h("dt", {}, name), ...lines.map((text) => h("dd", {}, text))];
  /** The multiplications and divisions of the present stage, written out. */
  function arithmetic({ scores: row, weights, context }) {
    const p = piece();
    const name = say(source[p])[0];
    const q = queries?.[step()];
    if (stage() === 2 && scorer && written && !changed()) {
      if (scorer === "dot") return [T.arithmetic(name), put("q · h", `${products(q, states[p], digits)} = ${fix(row[p])}`)];
      if (scorer === "general") {
        const keyed = rows.key.map((each) => dot(each, states[p]));
        return [T.arithmetic(name), [
          ...put("W h", ...rows.key.map((each, a) => `${products(each, states[p], digits)} = ${fix(keyed[a])}`)),
          ...put("q · W h", `${products(q, keyed, digits)} = ${fix(row[p])}`),
        ]];
      }
      const made = additive(rows, q, states[p]);
      return [T.arithmetic(name), [
        ...put("W q", ...rows.query.map((each, a) => `${products(each, q, digits)} = ${fix(made.asked[a])}`)),
        ...put("U h + b", ...rows.key.map((each, a) => `${products(each, states[p], digits)} + ${fix(rows.bias[0][a]).replace(/^−.*/, "($&)")} = ${fix(made.keyed[a])}`)),
        ...put("tanh(W q + U h + b)", ...made.hidden.map((x, a) => `tanh(${fix(made.asked[a])} + ${fix(made.keyed[a]).replace(/^−.*/, "($&)")}) = ${fix(x)}`)),
        ...put("v · tanh(…)", `${products(rows.score[0], made.hidden, digits)} = ${fix(row[p])}`),
      ]];
    }
    if (stage() === 3) {
      const exp = Array.from(row, Math.exp);
      const sum = exp.reduce((a, b) => a + b, 0);
      const few = S <= 6;
      return [few ? T.all : T.arithmetic(name), [
        ...put(T.exps, ...(few ? source.map((_, s) => s) : [p]).map((s) => `${say(source[s])[0]}: exp(${fix(row[s])}) = ${fix(exp[s])}`)),
        ...put(T.sum, few ? `${exp.map(fix).join(" + ")} = ${fix(sum)}` : fix(sum)),
        ...put(T.weight, ...(few ? source.map((_, s) => s) : [p]).map((s) => `${say(source[s])[0]}: ${fix(exp[s])} / ${fix(sum)} = ${fix(weights[s])}`)),
      ]];
    }
    if (stage() === 4) {
      const one = (k) => {
        // Of many pieces only those that add something, or at least the three that add most.
        const size = (s) => Math.abs(weights[s] * states[s][k]);
        const third = source.map((_, s) => size(s)).sort((a, b) => b - a)[2] ?? 0;
        const kept = source.map((_, s) => s).filter((s) => S <= 4 || size(s) >= Math.min(third, 0.5 * 10 ** -digits));
        const sum = products(kept.map((s) => weights[s]), kept.map((s) => states[s][k]), digits);
        return `${sum}${kept.length < S ? " + …" : ""} = ${fix(context[k])}`;
      };
      if (written) return [T.all, Array.from(context, (_, k) => put(T.number(k + 1), one(k))).flat()];
      return [T.all, put(`${T.context}, ${T.number(unit() + 1)}`, one(unit()))];
    }
    if (stage() === 5 && written) return [T.all, put(T.names[4], `[${T.wordVector(say(last())[1])}; ${Array.from(context, fix).join(", ")}]`)];
    return null;
  }

  function drawBars() {
    const pairs = bars[step()];
    const rowsOf = changed() ? [] : pairs.length ? pairs : [[target[step()], null]];
    const top = Math.max(1e-9, ...rowsOf.map(([, p]) => p ?? 1));
    list.replaceChildren(...rowsOf.map(([token, p]) => {
      const won = token === target[step()];
      const item = h("li", { className: won && stage() >= STAGES ? "lms-won lms-lit" : won ? "lms-won" : "" },
        spell(h("b"), token, 12), h("span", { className: "lms-track" }, h("i")), h("span", { className: "lms-value" }, p === null ? "" : percent(p)),
        h("small", { className: "lms-tick" }, won && stage() >= STAGES ? T.isWritten : ""));
      item.querySelector("i").style.setProperty("--p", p === null ? 0 : p / top);
      return item;
    }));
    silent.textContent = changed() ? T.unknown : pairs.length ? "" : T.noBars;
    silent.hidden = !silent.textContent;
  }

  const sign = (name, text, pressed) => {
    playButton.replaceChildren(icon(name), h("span", {}, text));
    playButton.setAttribute("aria-pressed", String(pressed));
  };
  const view = () => ({
    S, D, scorer, first: step() === 0, last: say(last())[1], word: say(target[step()])[1], changed: changed(),
    over: step() === target.length - 1,
  });
  function update() {
    const here = now();
    const at = stage();
    el.dataset.stage = at;
    stops.forEach((stop, n) => {
      stop.classList.toggle("lms-done", n + 1 < at);
      if (n + 1 === at) stop.setAttribute("aria-current", "step");
      else stop.removeAttribute("aria-current");
      stop.tabIndex = n + 1 === at ? 0 : -1;
    });
    words.forEach((word, n) => {
      const open = n < step() || (n === step() && at === STAGES && !changed());
      word.classList.toggle("lms-unwritten", !open);
      if (n === step()) word.setAttribute("aria-current", "true");
      else word.removeAttribute("aria-current");
      word.tabIndex = n === step() ? 0 : -1;
      word.setAttribute("aria-label", `${say(target[n])[1]}, ${T.at(n + 1, target.length)}${open ? "" : `, ${T.later}`}`);
    });
    title.replaceChildren(h("i", { className: "lms-badge", aria: { hidden: "true" } }, String(at)), h("span", {}, T.names[at - 1]));
    sentence.textContent = T.says[at - 1](view());
    formula.textContent = formulas[at - 1];
    const start = step() === 0 && at === 1;
    backButton.setAttribute("aria-disabled", String(start));
    onButton.setAttribute("aria-disabled", String(over()));
    sign(timer ? "stop" : "play", timer ? T.stop : T.play, Boolean(timer));
    ifButton.setAttribute("aria-pressed", String(changed()));
    yours.hidden = !changed();
    el.classList.toggle("lms-changed", changed());

    for (const each of el.querySelectorAll("[data-part]")) {
      const number = Number(each.dataset.part);
      each.classList.toggle("lms-later", number > at);
      each.classList.toggle("lms-now", number === at || (number === 6 && at === 7 && each.matches(".lms-out")));
    }
    const marked = written || at < 4 ? null : unit();
    if (queries) asking.querySelector(".lms-vector").show(queries[step()], span.queries);
    const [floor, ceiling] = changed() ? [least, most] : [low, high];
    const exp = Array.from(here.scores, Math.exp);
    const sum = exp.reduce((a, b) => a + b, 0);
    table.forEach(({ row, choose, state, score, weight, product, range, typed }, s) => {
      row.classList.toggle("lms-chosen", s === piece());
      choose.setAttribute("aria-pressed", String(s === piece()));
      state.firstChild.show(states[s], span.states, marked);
      const [x, w] = [here.scores[s], here.weights[s]];
      const wide = ceiling - floor || 1;
      score.style.setProperty("--from", (Math.min(0, x) - floor) / wide);
      score.style.setProperty("--size", Math.abs(x) / wide);
      score.style.setProperty("--zero", -floor / wide);
      score.classList.toggle("lms-minus", x < 0);
      score.querySelector(".lms-value").textContent = fix(x);
      range.hidden = typed.hidden = !changed();
      if (changed()) {
        if (document.activeElement !== range) range.value = x;
        if (document.activeElement !== typed) typed.value = Number(x.toFixed(Math.max(1, digits)));
      }
      weight.style.setProperty("--p", w);
      weight.querySelector(".lms-value").textContent = fix(w);
      weight.querySelector("small").textContent = written ? `${fix(exp[s])} / ${fix(sum)}` : "";
      product.firstChild.show(states[s].map((v) => w * v), span.states, marked);
    });
    sumWeight.textContent = fix(here.weights.reduce((a, b) => a + b, 0));
    contextCell.firstChild.show(here.context, span.states, marked);
    given.firstChild.show(here.context, span.states);
    spell(lastWord, last(), 14);
    if (memory) {
      memory.show(hidden[step()], span.hidden);
      memory.classList.toggle("lms-void", changed());
    }
    drawBars();
    drawReadout();
    reveal();
    const lines = arithmetic(here);
    working.hidden = !lines;
    if (lines) {
      workTitle.textContent = lines[0];
      work.replaceChildren(...lines[1]);
    }
  }

  /** What a stage shows, for those who hear it. */
  function announce() {
    const { scores: row, weights, context } = now();
    const listed = (values) => source.map((token, s) => `${say(token)[1]} ${fix(values[s])}`).join(", ");
    const details = [
      () => (written ? source.map((token, s) => `${say(token)[1]} ${vector(states[s])}`).join(", ") : ""),
      () => listed(row), () => listed(weights), () => (written ? vector(context) : ""), () => "",
      () => (changed() ? "" : bars[step()].map(([token, p]) => `${say(token)[1]} ${percent(p)}`).join(", ")), () => "",
    ][stage() - 1]();
    status.textContent = [`${T.at(step() + 1, target.length)}. ${T.stageOf(stage(), T.names[stage() - 1])}.`, sentence.textContent, details].filter(Boolean).join(" ");
  }

  const follow = () => {
    if (own) return;
    halt();
    update();
  };
  const traits = ["step", "stage", "piece", "unit", "what_if"].map((name) => `change:${name}`).join(" ");
  model.on(traits, follow);
  update();
  const off = onTheme(() => {
    inks = null;
    update();
  });
  return () => {
    halt();
    off();
    release();
    el.removeEventListener("keydown", keys);
    model.off(traits, follow);
  };
}

export default { render };
