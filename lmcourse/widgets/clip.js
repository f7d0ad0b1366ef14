// ClipPlayer: sounds and short films, each beside what a model said of it and what is right.
// The first part is arithmetic (tested in node against Python), the second the page.

import { button, choice, colour, h, hold, inLanguage, onTheme, spelled } from "./base.js";

// ---------------------------------------------------------------- words

/**
 * Two texts word by word: which words of the one have no partner in the other when as few as possible are put in,
 * taken out or replaced. said and right are lists of [word, whether it is the same in both].
 */
export function compare(said, right) {
  const [a, b] = [said, right].map((text) => text.trim().split(/\s+/).filter(Boolean));
  const cost = [...Array(a.length + 1)].map((_, i) => [...Array(b.length + 1)].map((_, j) => (i ? (j ? 0 : i) : j)));
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const swap = cost[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      cost[i][j] = Math.min(cost[i - 1][j] + 1, cost[i][j - 1] + 1, swap);
    }
  }
  const [first, second] = [a, b].map((words) => words.map((word) => [word, false]));
  for (let [i, j] = [a.length, b.length]; i && j; ) {
    const same = a[i - 1] === b[j - 1];
    if (cost[i][j] === cost[i - 1][j - 1] + (same ? 0 : 1)) {
      first[--i][1] = second[--j][1] = same;
    } else if (cost[i][j] === cost[i - 1][j] + 1) i--;
    else j--;
  }
  return { said: first, right: second, differ: cost[a.length][b.length] };
}

/** The number of the frame at a second, however the division is rounded. */
export const frameAt = (second, fps, count) => Math.max(0, Math.min(count - 1, Math.floor(second * fps + 1e-6)));

/** Where to put the marks of a time axis: a round step, so that there are 3 to 8 of them. */
export function ticks(seconds) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60].find((each) => seconds / each <= 8) ?? 300;
  return Array.from({ length: Math.floor(seconds / step + 1e-6) + 1 }, (_, i) => Number((i * step).toFixed(1)));
}

// ---------------------------------------------------------------- words for people

const STRINGS = {
  en: {
    chooser: "Clip",
    clip: (n) => `Clip ${n}`,
    of: (n, all) => `${n} of ${all}`,
    previous: "Previous clip",
    next: "Next clip",
    play: "Play",
    pause: "Pause",
    back: "One frame back",
    on: "One frame on",
    scrub: "Moment",
    frame: (n, all) => `frame ${n} of ${all}`,
    second: (s, all) => `${s} of ${all} seconds`,
    loop: "Loop",
    speed: "Speed",
    half: "half speed",
    full: "full speed",
    said: "The model says",
    right: "Right is",
    is: "Said",
    same: "right",
    differ: (n) => `${n} ${n === 1 ? "word differs" : "words differ"}`,
    wrong: "not in the right answer",
    missed: "not in what was said",
    nothing: "nothing",
    high: "high",
    low: "low",
    sound: "Sound: its wave over time",
    heat: "Sound: how loud each pitch is over time, and its wave",
    film: "Film",
    broken: "This browser cannot play the clip.",
    keys: "Space plays and pauses, the arrow keys go back and on, Page Up and Page Down change the clip.",
  },
  ko: {
    chooser: "클립",
    clip: (n) => `클립 ${n}`,
    of: (n, all) => `${all}개 중 ${n}번째`,
    previous: "이전 클립",
    next: "다음 클립",
    play: "재생",
    pause: "멈춤",
    back: "한 프레임 뒤로",
    on: "한 프레임 앞으로",
    scrub: "시점",
    frame: (n, all) => `${all}프레임 중 ${n}번째`,
    second: (s, all) => `${all}초 중 ${s}초`,
    loop: "반복",
    speed: "속도",
    half: "절반 속도",
    full: "원래 속도",
    said: "모델의 답",
    right: "정답",
    is: "모델의 답",
    same: "정답",
    differ: (n) => `다른 단어 ${n}개`,
    wrong: "정답에 없는 단어",
    missed: "모델의 답에 없는 단어",
    nothing: "빈 답",
    high: "높은 소리",
    low: "낮은 소리",
    sound: "소리: 시간에 따른 파형",
    heat: "소리: 시간에 따른 높낮이별 크기와 파형",
    film: "영상",
    broken: "이 브라우저에서는 재생할 수 없습니다.",
    keys: "스페이스로 재생하고 멈추며, 화살표 키로 앞뒤로 가고, Page Up과 Page Down으로 클립을 바꿉니다.",
  },
};

// ---------------------------------------------------------------- page

const SIGNS = {
  play: "M8 5.5v13l10-6.5-10-6.5Z",
  pause: "M8.500 5.500v13M15.500 5.500v13",
  previous: "M17 6l-8 6 8 6ZM6.500 6v12",
  next: "M7 6l8 6-8 6ZM17.500 6v12",
  back: "M15 6l-7 6 7 6",
  on: "M9 6l7 6-7 6",
  loop: "M7 7h10a3 3 0 0 1 3 3v1M17 17H7a3 3 0 0 1-3-3v-1M9.500 4.500 7 7l2.500 2.500M14.500 14.500 17 17l-2.500 2.500",
};
const STEP = 0.1; // seconds that an arrow key goes in a sound
let views = 0;

function render({ model, el }) {
  const uid = `lmv-${++views}`;
  const T = inLanguage(STRINGS, model.get("language"));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const clips = model.get("clips");
  const film = model.get("kind") === "film";
  const fps = model.get("fps");
  const raw = model.get("data");
  const bytes = ([start, end]) => new Uint8Array(raw.buffer ?? raw, (raw.byteOffset ?? 0) + start, end - start);

  const at = () => Math.min(model.get("clip"), clips.length - 1);
  const clip = () => clips[at()];
  const last = () => (film ? (clip().count - 1) / fps : clip().seconds); // where the slider ends
  const name = (i) => clips[i].label || T.clip(i + 1);
  let position = model.get("position"); // in seconds
  let playing = false;
  let waits = film && !calm.matches; // to start as soon as it can be seen
  let tick = null; // the animation frame
  let own = false;
  let gone = false;
  let pixels = null; // the frames of a film in a column, or the heat map in its colours
  let grey = null; // the heat map as numbers
  let pictured = -1; // the clip they belong to
  let wide = 300;

  const set = (changes) => {
    own = true;
    for (const [trait, value] of Object.entries(changes)) model.set(trait, value);
    model.save_changes();
    own = false;
  };

  // ---- parts

  const sign = (b, which) => {
    b.querySelector("path").setAttribute("d", SIGNS[which]);
    return b;
  };
  const small = (which, text, act) => Object.assign(sign(button("on", text, act, "lmv-small"), which), { title: text });
  const status = h("div", { className: "lm-hidden", aria: { role: "status", live: "polite" } });
  const complaint = h("p", { className: "lm-complaint", aria: { role: "alert" } });

  const select = h("select", { className: "lmv-select", aria: { label: T.chooser } });
  clips.forEach(({ said, right }, i) => {
    const judged = said.length === 1 && right !== null;
    const mark = judged ? (compare(said[0][1], right).differ ? "✗ " : "✓ ") : "";
    select.append(h("option", { value: i, textContent: mark + name(i) }));
  });
  select.addEventListener("change", () => choose(Number(select.value)));
  const previous = small("previous", T.previous, () => choose(at() - 1));
  const next = small("next", T.next, () => choose(at() + 1));
  const count = h("span", { className: "lmv-count" });
  const head = h("div", { className: "lmv-head" }, previous, select, next, count);
  head.hidden = clips.length < 2;

  const canvas = h("canvas", { className: film ? "lmv-film" : "lmv-sound", aria: { role: "img" } });
  const audio = film ? null : h("audio", { preload: "auto" });
  const stage = h("div", { className: "lmv-stage" }, canvas, ...(audio ? [audio] : []));
  const play = button("play", T.play, () => (playing ? pause() : start()), "lm-main lmv-play");
  const back = small("back", T.back, () => nudge(-1));
  const on = small("on", T.on, () => nudge(1));
  back.hidden = on.hidden = !film;
  const scrub = h("input", { type: "range", className: "lmv-scrub", min: 0, step: "any", aria: { label: T.scrub, describedby: `${uid}-keys` } });
  const time = h("span", { className: "lmv-time", aria: { hidden: "true" } });
  const loop = sign(button("on", T.loop, () => {
    set({ loop: !model.get("loop") });
    update();
  }, "lmv-loop"), "loop");
  const speeds = choice(`${uid}-speed`, T.speed, [[0.5, "½", T.half], [1, "1", T.full]], (value) => {
    set({ speed: value });
    update();
  });
  const keys = h("p", { className: "lm-hidden", id: `${uid}-keys` }, T.keys);
  const words = h("div", { className: "lmv-words" });
  const side = h("div", { className: "lmv-side" }, words);
  const controls = h("div", { className: "lmv-controls" },
    h("div", { className: "lmv-bar" }, play, back, on, scrub, time),
    h("div", { className: "lmv-bar lmv-options" }, loop, speeds));
  el.classList.add("lm-explorer", "lmv");
  el.classList.toggle("lmv-films", film);
  el.replaceChildren(head, h("div", { className: "lmv-body" }, h("div", { className: "lmv-main" }, stage, controls, complaint), side), keys, status);
  const release = hold(el);

  // ---- time

  const seek = (to, save = true) => {
    position = Math.max(0, Math.min(last(), to));
    if (audio && Math.abs(audio.currentTime - position) > 0.005) audio.currentTime = position;
    if (save) set({ position });
    drawMoment();
  };
  const nudge = (way) => {
    if (!film) return seek(position + way * STEP);
    pause();
    const frame = frameAt(position, fps, clip().count) + way;
    seek((model.get("loop") ? (frame + clip().count) % clip().count : frame) / fps);
  };
  const others = (event) => event.detail !== uid && pause(); // one sound at a time
  if (audio) document.addEventListener("lmv-play", others);

  const start = () => {
    waits = false;
    if (playing) return;
    playing = true;
    if (audio) {
      document.dispatchEvent(new CustomEvent("lmv-play", { detail: uid }));
      if (audio.ended || position >= clip().seconds - 0.02) seek(0, false);
      audio.playbackRate = model.get("speed");
      audio.play().catch((error) => {
        if (error.name === "AbortError" || gone) return; // another clip was chosen meanwhile
        pause();
        complaint.textContent = T.broken;
      });
    } else if (position >= last() && !model.get("loop")) seek(0, false);
    let before = performance.now();
    const frame = (now) => {
      if (!playing || gone) return;
      if (audio) position = Math.min(audio.currentTime, clip().seconds);
      else {
        position += (Math.max(0, now - before) / 1000) * model.get("speed");
        before = now;
        if (position >= clip().seconds) {
          if (!model.get("loop")) {
            position = last();
            return pause();
          }
          position %= clip().seconds;
        }
      }
      drawMoment();
      tick = requestAnimationFrame(frame);
    };
    tick = requestAnimationFrame(frame);
    drawState();
  };
  const pause = () => {
    waits = false;
    if (!playing) return;
    playing = false;
    cancelAnimationFrame(tick);
    audio?.pause();
    if (film) position = frameAt(position, fps, clip().count) / fps;
    set({ position: Math.min(position, last()) });
    drawState();
    drawMoment();
  };
  audio?.addEventListener("ended", () => {
    position = clip().seconds;
    pause();
  });
  audio?.addEventListener("error", () => audio.src && (complaint.textContent = T.broken));

  // ---- clips

  const choose = (i) => {
    if (i < 0 || i >= clips.length || i === at()) return;
    set({ clip: i, position: 0 });
    position = 0;
    load();
    update();
    announce();
  };
  let url = null;
  const load = () => {
    const mine = (pictured = at());
    const again = playing;
    [pixels, grey] = [null, null];
    complaint.textContent = "";
    if (audio) {
      if (url) URL.revokeObjectURL(url);
      url = URL.createObjectURL(new Blob([bytes(clip().media)], { type: "audio/mpeg" }));
      playing = false;
      cancelAnimationFrame(tick);
      audio.src = url;
      if (position) audio.currentTime = position;
      if (again) start();
    }
    const picture = film ? clip().media : clip().heat;
    if (!picture) return;
    const options = { premultiplyAlpha: "none", colorSpaceConversion: "none" };
    createImageBitmap(new Blob([bytes(picture)], { type: "image/png" }), options).then((bitmap) => {
      if (gone || mine !== pictured) return;
      if (film) pixels = bitmap;
      else {
        const pen = h("canvas", { width: bitmap.width, height: bitmap.height }).getContext("2d", { willReadFrequently: true });
        pen.drawImage(bitmap, 0, 0);
        grey = pen.getImageData(0, 0, bitmap.width, bitmap.height);
        paintHeat();
      }
      drawMoment();
    }, () => !gone && (complaint.textContent = T.broken));
  };
  const announce = () => {
    const { said, right } = clip();
    const texts = said.map(([who, text]) => `${who || T.said}: ${text || T.nothing}`);
    if (right !== null) {
      texts.push(`${T.right}: ${right || T.nothing}`);
      texts.push(...said.map(([, text]) => compare(text, right).differ).map((n) => (n ? T.differ(n) : T.same)));
    }
    const sentences = [`${T.of(at() + 1, clips.length)}: ${name(at())}`, ...texts];
    status.textContent = sentences.map((text) => (/[.!?]$/.test(text) ? text : `${text}.`)).join(" ");
  };

  // ---- pointers and keys

  scrub.addEventListener("input", () => {
    if (film) pause();
    const to = Number(scrub.value);
    seek(film ? Math.round(to * fps) / fps : to, false);
  });
  scrub.addEventListener("change", () => set({ position }));
  el.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const other = event.target.closest("select, button, input[type=radio]");
    const way = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    const turn = { PageUp: -1, PageDown: 1 }[event.key];
    if (turn && !event.target.closest("select")) choose(at() + turn);
    else if (other) return;
    else if (way) nudge(way);
    else if (event.key === " ") play.click();
    else if (event.key === "Home" || event.key === "End") seek(event.key === "Home" ? 0 : last());
    else return;
    event.preventDefault();
  });
  if (!film) {
    const go = (event) => {
      const box = canvas.getBoundingClientRect();
      seek(((event.clientX - box.left) / box.width) * clip().seconds, event.type === "pointerdown");
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button > 0) return;
      go(event);
      try {
        canvas.setPointerCapture(event.pointerId);
      } catch {
        // a pointer that a script made up cannot be captured
      }
    });
    canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && go(event));
    canvas.addEventListener("pointerup", () => set({ position }));
  } else canvas.addEventListener("click", () => play.click());

  // ---- drawing

  let inks = null;
  const paints = () => (inks ??= Object.fromEntries(["back", "text", "accent", "muted", "hot", "gold", "edge"].map((ink) => [ink, colour(el, `var(--lm-${ink})`)])));
  const rgb = (ink) => `rgb(${paints()[ink]})`;

  /** The heat map in the colours of the page: from the background over the accent to the text. */
  function paintHeat() {
    if (!grey) return;
    const { back, accent, text } = paints();
    const mix = (a, b, share) => a.map((x, i) => x + (b[i] - x) * share);
    const scale = Array.from({ length: 256 }, (_, v) => (v < 160 ? mix(back, accent, v / 160) : mix(accent, text, (v - 160) / 110)));
    const pen = h("canvas", { width: grey.width, height: grey.height }).getContext("2d");
    const painted = pen.createImageData(grey.width, grey.height);
    for (let i = 0; i < painted.data.length; i += 4) {
      const [r, g, b] = scale[grey.data[i]];
      painted.data.set([r, g, b, 255], i);
    }
    pen.putImageData(painted, 0, 0);
    pixels = pen.canvas;
  }

  function drawFilm() {
    const { width, height, count: all } = clip();
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.style.aspectRatio = `${width} / ${height}`;
    const pen = canvas.getContext("2d");
    if (!pixels) return pen.clearRect(0, 0, width, height);
    const frame = frameAt(position, fps, all);
    pen.drawImage(pixels, 0, frame * height, width, height, 0, 0, width, height);
    canvas.dataset.frame = frame;
  }

  function drawSound() {
    const ratio = Math.min(3, devicePixelRatio || 1);
    const top = clip().heat ? Math.max(110, Math.min(190, wide * 0.36)) : 0;
    const gap = top ? 8 : 0;
    const tall = top ? 52 : 130;
    const high = top + gap + tall + 22;
    const size = [wide, high].map((x) => Math.round(x * ratio));
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    canvas.style.height = `${high}px`;
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide, high);
    const { seconds, wave } = clip();
    const x = (second) => (second / seconds) * wide;
    pen.font = `12px ${getComputedStyle(el).fontFamily}`;
    if (top) {
      pen.save();
      pen.beginPath();
      pen.roundRect(0, 0, wide, top, 10);
      pen.clip();
      if (pixels) pen.drawImage(pixels, 0, 0, wide, top);
      pen.restore();
      pen.lineWidth = 4;
      pen.lineJoin = "round";
      pen.strokeStyle = rgb("back");
      pen.fillStyle = rgb("text");
      for (const [word, y] of [[T.high, 17], [T.low, top - 8]]) {
        pen.strokeText(word, 8, y);
        pen.fillText(word, 8, y);
      }
    }
    // The wave: what has been heard in the accent, the rest in grey.
    const peaks = bytes(wave);
    const loudest = Math.max(1, ...peaks);
    const middle = top + gap + tall / 2;
    const step = wide / peaks.length;
    const bar = Math.max(1, Math.ceil(3 / step)); // as many peaks as give a bar of 3 pixels
    for (let i = 0; i < peaks.length; i += bar) {
      const half = Math.max(0.75, (Math.max(...peaks.slice(i, i + bar)) / loudest) * (tall / 2));
      pen.fillStyle = (i + bar / 2) * step <= x(position) ? rgb("accent") : `rgb(${paints().muted.join(" ")} / 55%)`;
      pen.beginPath();
      pen.roundRect(i * step, middle - half, Math.max(1, bar * step - 1), 2 * half, 1);
      pen.fill();
    }
    pen.fillStyle = rgb("muted");
    for (const second of ticks(seconds)) {
      const text = `${second} s`;
      const width = pen.measureText(text).width;
      pen.globalAlpha = 0.4;
      pen.fillRect(Math.min(wide - 1, x(second)), high - 19, 1, 4);
      pen.globalAlpha = 1;
      if (x(second) - width / 2 < wide - width) pen.fillText(text, Math.max(0, x(second) - width / 2), high - 3);
    }
    const cursor = Math.max(1.5, Math.min(wide - 1.5, x(position)));
    for (const [ink, width] of [["back", 5], ["hot", 2.5]]) {
      pen.fillStyle = rgb(ink);
      pen.fillRect(cursor - width / 2, 0, width, high - 20);
    }
    pen.beginPath();
    pen.arc(cursor, 5, 5, 0, 7);
    pen.fill();
  }

  function drawMoment() {
    const frame = film ? frameAt(position, fps, clip().count) : 0;
    const ends = last() || 1;
    const shown = film ? frame / fps : position;
    scrub.max = ends;
    scrub.value = shown;
    scrub.style.setProperty("--at", `${Math.min(1, shown / ends) * 100}%`);
    const [now, all] = [position, clip().seconds].map((s) => s.toFixed(1));
    scrub.setAttribute("aria-valuetext", film ? T.frame(frame + 1, clip().count) : T.second(now, all));
    time.textContent = film ? `${frame + 1} / ${clip().count}` : `${now} / ${all} s`;
    if (film) drawFilm();
    else drawSound();
  }

  function drawState() {
    sign(play, playing ? "pause" : "play").lastChild.textContent = playing ? T.pause : T.play;
    el.classList.toggle("lmv-playing", playing);
  }

  const marked = (list, className, title) => {
    const line = spelled(h("p", { className: "lmv-text" }), "");
    list.forEach(([word, same], i) => {
      if (i) line.append(" ");
      line.append(same ? spelled(h("span"), word, 400) : Object.assign(spelled(h("mark", { className }), word, 400), { title }));
    });
    if (!list.length) line.append(h("span", { className: "lm-special" }, `∅ ${T.nothing}`));
    return line;
  };
  const all = (text) => text.trim().split(/\s+/).filter(Boolean).map((word) => [word, true]);

  function drawWords() {
    const { said, right } = clip();
    const parts = said.map(([who, text]) => {
      const { said: list, differ } = right === null ? { said: all(text), differ: 0 } : compare(text, right);
      const title = h("h4", {}, spelled(h("span"), who || T.said, 40));
      if (right !== null) title.append(h("b", { className: differ ? "lmv-no" : "lmv-yes" }, differ ? `✗ ${T.differ(differ)}` : `✓ ${T.same}`));
      return h("div", { className: `lmv-card ${right === null ? "" : differ ? "lmv-card-no" : "lmv-card-yes"}` }, title, marked(list, "lmv-wrong", T.wrong));
    });
    if (right !== null) {
      // With several models a word of the reference is marked that none of them found.
      const found = said.map(([, text]) => compare(text, right).right);
      const list = found.length ? found[0].map(([word], i) => [word, found.some((each) => each[i][1])]) : all(right);
      parts.push(h("div", { className: "lmv-card" }, h("h4", {}, h("span", {}, T.right)), marked(list, "lmv-missed", T.missed)));
    }
    words.replaceChildren(...parts);
    side.hidden = !parts.length;
  }

  function update() {
    select.value = String(at());
    previous.setAttribute("aria-disabled", String(at() === 0));
    next.setAttribute("aria-disabled", String(at() === clips.length - 1));
    count.textContent = T.of(at() + 1, clips.length);
    canvas.setAttribute("aria-label", `${film ? T.film : clip().heat ? T.heat : T.sound}. ${name(at())}`);
    loop.setAttribute("aria-pressed", String(model.get("loop")));
    if (audio) {
      audio.loop = model.get("loop");
      audio.playbackRate = model.get("speed");
    }
    for (const input of speeds.querySelectorAll("input")) input.checked = Number(input.value) === model.get("speed");
    drawWords();
    drawState();
    drawMoment();
  }

  const changed = () => {
    if (own) return;
    const other = pictured !== at();
    if (!playing || other) position = model.get("position");
    if (other) load();
    else if (audio && !playing && Math.abs(audio.currentTime - position) > 0.005) audio.currentTime = position;
    update();
  };
  const traits = ["clip", "position", "loop", "speed"].map((trait) => `change:${trait}`).join(" ");
  model.on(traits, changed);
  const sized = new ResizeObserver(() => {
    if (!stage.clientWidth || film) return;
    wide = stage.clientWidth;
    drawMoment();
  });
  sized.observe(stage);
  // A film begins when it comes into sight, and rests out of sight.
  const sight = new IntersectionObserver((entries) => {
    const { isIntersecting } = entries.at(-1);
    if (isIntersecting && waits) start();
    else if (!isIntersecting && playing && film) {
      pause();
      waits = true;
    }
  }, { threshold: 0.4 });
  sight.observe(stage);
  const off = onTheme(() => {
    inks = null;
    paintHeat();
    drawMoment();
  });
  load();
  update();

  return () => {
    gone = true;
    cancelAnimationFrame(tick);
    audio?.pause();
    if (url) URL.revokeObjectURL(url);
    document.removeEventListener("lmv-play", others);
    sized.disconnect();
    sight.disconnect();
    off();
    release();
    model.off(traits, changed);
  };
}

export default { render };
