/* What a class needs on a chapter's page: the page as slides, a window for the speaker, and solutions opened or put away.
 *
 * lmcourse.sphinxext.classroom wrote into the classes of each part of the page on which slide it stands (lm-slide-3) and
 * at which step it appears (lm-step-1), or that it is a note (lm-notes). A slide is that part of the page with everything
 * else hidden: nothing is copied, so formulas stay drawn and widgets stay alive. #slides-3 in the address is slide 3, and
 * #notes-3 what is said to it. Printing the slides prints one to a page.
 */
(() => {
  "use strict";
  const root = document.documentElement;
  const article = document.querySelector("article.bd-article");

  // ---------------------------------------------------------------- solutions

  const WAYS = { folded: "Solutions: folded", open: "Solutions: all open", away: "Solutions: put away" };
  const solutions = [...article.querySelectorAll(".lm-solution")];

  function remembered() {
    try {
      return localStorage.getItem("lm-solutions");
    } catch {
      return null; // a browser may keep nothing for pages from the disk
    }
  }

  function treatSolutions(way) {
    root.dataset.lmSolutions = way;
    for (const details of solutions.flatMap((cell) => [...cell.querySelectorAll("details")]))
      details.open = way === "open";
    try {
      localStorage.setItem("lm-solutions", way);
    } catch {
      /* then it holds for this page only */
    }
  }

  function offerSolutions() {
    const heading = article.querySelector("section#exercises > :is(h2, h3)");
    if (!heading) return;
    const select = document.createElement("select");
    select.className = "lm-solutions";
    select.setAttribute("aria-label", "How solutions are shown");
    for (const [way, label] of Object.entries(WAYS)) select.add(new Option(label, way));
    select.value = remembered() in WAYS ? remembered() : "folded";
    if (select.value !== "folded") treatSolutions(select.value);
    select.addEventListener("change", () => treatSolutions(select.value));
    heading.after(select);
  }

  // ---------------------------------------------------------------- the deck

  /** The child of a section that a marked element is, or stands in: a wide table has a box around it. */
  function partOf(element) {
    while (!element.parentElement.matches("section")) element = element.parentElement;
    return element;
  }

  const HEADINGS = "h1, h2, h3, h4";
  const LONG = 12; // lines of code: more of them are not shown beside what they print
  const TABLE = { code: 5, printed: 3 }; // more of both, and the code steps back if the slide is full

  const slides = []; // [{parts: [{element, step}], notes: [element], title}]
  for (const marked of article.querySelectorAll("[class*='lm-slide-']")) {
    const number = Number(/\blm-slide-(\d+)/.exec(marked.className)[1]);
    const slide = (slides[number - 1] ??= { parts: [], notes: [] });
    const element = partOf(marked);
    if (marked.classList.contains("lm-notes")) slide.notes.push(element);
    else slide.parts.push({ element, step: Number(/\blm-step-(\d+)/.exec(marked.className)[1]) });
  }
  /** The words of a heading, without the sign that links to it. */
  const words = (heading) =>
    [...heading.childNodes]
      .filter((n) => !n.classList?.contains("headerlink"))
      .map((n) => n.textContent)
      .join("");
  for (const slide of slides) {
    const first = (slide.parts[0]?.element ?? slide.notes[0]).closest("section");
    slide.heading = first.querySelector(`:scope > :is(${HEADINGS})`);
    slide.title = words(slide.heading);
    slide.steps = Math.max(1, ...slide.parts.map((part) => part.step));
  }
  const everyPart = [...article.querySelectorAll("section > :not(section)")].filter(
    (e) => !e.parentElement.closest(".cell"),
  );

  let at = null; // {slide, step}, counted from 0, while slides are shown
  let speaking = false; // this window shows the notes
  let peer = null; // the other window
  let starting = false; // formulas and widgets are still being drawn
  let printing = false;
  let aside = []; // what was made inert
  const title = document.title;
  let bar = null;
  const opened = new Map(); // solutions, and whether they were open

  /** Everything beside the article and beside the boxes it stands in. */
  function surroundings() {
    const found = [];
    for (let box = article; box !== document.body; box = box.parentElement)
      found.push(
        ...[...box.parentElement.children].filter((e) => e !== box && e !== bar && !e.matches("script, style, link")),
      );
    return found;
  }

  const SIZES = [1, 0.9, 0.8, 0.72, 0.64, 0.57, 0.5, 0.45, 0.4]; // shares of the largest
  const SCROLLED = 0.57;
  const ROOMY = 0.72; // from here on there is room for code beside a table

  /** Show parts at the largest size at which they fit the window; 0 if none does, and then they can be scrolled. */
  function fit(elements) {
    const most = Math.max(1, 1.7 * Math.min(window.innerWidth / 1280, window.innerHeight / 720)); // a phone is held close
    const wide = elements.flatMap((e) =>
      [...e.querySelectorAll("pre, table, .lm-widget")].concat(e.matches("div.math") ? e : []),
    );
    const overflows = () =>
      article.scrollHeight > article.clientHeight + 1 ||
      article.scrollWidth > article.clientWidth + 1 ||
      wide.some((e) => e.scrollWidth > e.clientWidth + 1);
    const resize = (share) => {
      for (const element of elements) element.style.zoom = share * most;
    };
    for (const wrapped of [false, true]) {
      article.classList.toggle("lm-wrapped", wrapped); // long lines break only where nothing else helps
      for (const share of SIZES) {
        resize(share);
        if (!overflows()) return share;
      }
    }
    if (!printing) resize(SCROLLED);
    return 0;
  }

  /** Fit the slide again, but only if it has become too large: nothing is to jump while somebody uses a widget. */
  function refit() {
    const slide = slides[at.slide];
    const full = article.scrollHeight > article.clientHeight + 1;
    if (!speaking && slide.share && full) draw();
  }

  function draw() {
    const slide = slides[at.slide];
    const shown = new Map(
      speaking ? slide.notes.map((e) => [e, 0]) : slide.parts.map(({ element, step }) => [element, step - 1]),
    );
    // A slide in the middle of a section has the section's heading above it, in small.
    const running = speaking || slide.parts.some(({ element }) => element.matches(HEADINGS)) ? null : slide.heading;
    if (running) shown.set(running, 0);
    for (const element of everyPart) {
      element.classList.toggle("lm-elsewhere", !shown.has(element));
      element.classList.toggle("lm-later", (shown.get(element) ?? 0) > at.step);
      element.classList.toggle("lm-running", element === running);
    }
    const tables = []; // cells whose code steps back where there is no room for it
    for (const cell of [...shown.keys()].filter((element) => element.matches(".cell"))) {
      const output = cell.querySelector(".cell_output");
      const printed = output?.querySelector(".output.stream, .output.text_plain");
      const drawn = output?.querySelector("img, .lm-widget, table");
      const lines = (pre) => pre?.textContent.trim().split("\n").length ?? 0;
      const code = lines(cell.querySelector(".cell_input pre"));
      const kept = cell.matches(".tag_slide-code"); // by a tag of the cell, where the code is what one looks at
      const alone = !kept && (drawn || !printed || code > LONG || cell.matches(".lm-prompt"));
      cell.classList.toggle("lm-only-output", Boolean(output && alone));
      if (output && !alone && !kept && code > TABLE.code && lines(output.querySelector(".output.stream pre")) > TABLE.printed)
        tables.push(cell);
    }
    article.classList.toggle("lm-title-slide", !speaking && slide.parts.some(({ element }) => element.matches("h1")));
    article.scrollTop = 0;
    if (speaking) for (const element of shown.keys()) element.style.zoom = 1.25;
    else slide.share = fit([...shown.keys()]);
    if (!speaking && slide.share < ROOMY && tables.length) {
      for (const cell of tables) cell.classList.add("lm-only-output");
      slide.share = fit([...shown.keys()]);
    }
    bar.querySelector(".lm-more").textContent = !speaking && !slide.share ? "↓ scroll" : "";
    bar.querySelector(".lm-place").textContent = `${at.slide + 1} / ${slides.length}`;
    bar.querySelector(".lm-where").textContent = speaking
      ? `${slide.title}${slides[at.slide + 1] ? ` → ${slides[at.slide + 1].title}` : ""}`
      : slide.title;
    bar.querySelector(".lm-back").disabled = at.slide === 0 && at.step === 0;
    bar.querySelector(".lm-next").disabled = at.slide === slides.length - 1 && at.step === slide.steps - 1;
    bar.querySelector("[role=status]").textContent = `Slide ${at.slide + 1} of ${slides.length}: ${slide.title}`;
    history.replaceState(null, "", `#${speaking ? "notes" : "slides"}-${at.slide + 1}`);
  }

  function go(slide, step, fromPeer = false) {
    const number = Math.min(Math.max(slide, 0), slides.length - 1);
    at = { slide: number, step: Math.min(Math.max(step, 0), slides[number].steps - 1) };
    draw();
    if (!fromPeer && peer && !peer.closed) peer.postMessage({ lmcourseSlide: at }, "*");
  }
  const next = () => (at.step < slides[at.slide].steps - 1 ? go(at.slide, at.step + 1) : go(at.slide + 1, 0));
  const back = () => (at.step > 0 ? go(at.slide, at.step - 1) : at.slide > 0 && go(at.slide - 1, Infinity));

  function toggleCode() {
    root.classList.toggle("lm-with-code");
    bar.querySelector(".lm-code").setAttribute("aria-pressed", String(root.classList.contains("lm-with-code")));
    draw();
  }

  function openNotes() {
    peer = window.open(
      `${location.href.split("#")[0]}#notes-${at.slide + 1}`,
      "lmcourse-notes",
      "width=720,height=640",
    );
  }

  function button(name, sign, label, action) {
    const element = document.createElement("button");
    Object.assign(element, { type: "button", className: `lm-${name}`, textContent: sign, title: label });
    element.setAttribute("aria-label", label);
    element.addEventListener("click", action);
    return element;
  }

  function makeBar() {
    bar = document.createElement("div");
    bar.className = "lm-bar";
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", "Slides");
    const text = (name) => Object.assign(document.createElement("span"), { className: name });
    const status = text("lm-said");
    status.setAttribute("role", "status");
    const code = button("code", "code", "Show all code (C)", toggleCode);
    code.setAttribute("aria-pressed", "false");
    bar.append(
      button("back", "‹", "Back (Page up)", back),
      text("lm-place"),
      button("next", "›", "Next (Page down)", next),
      text("lm-where"),
      text("lm-more"),
      code,
      ...(speaking ? [] : [button("speak", "notes", "Open the speaker’s notes in a window (N)", openNotes)]),
      button("end", "×", "Back to the page (Escape)", stop),
      status,
    );
    document.body.append(bar);
  }

  async function start(slide = nearest(), notes = false) {
    if (at || starting || !slides.length) return;
    starting = true;
    await Promise.all([window.MathJax?.startup?.promise, window.lmcourseWidgets?.ready]);
    starting = false;
    speaking = notes;
    if (speaking) peer = window.opener;
    makeBar();
    aside = surroundings().filter((e) => !e.inert);
    for (const element of aside) element.inert = true;
    for (const details of article.querySelectorAll(".lm-solution details")) {
      opened.set(details, details.open);
      details.open = true;
    }
    root.classList.add("lm-presenting");
    root.classList.toggle("lm-speaking", speaking);
    if (speaking) document.title = `Notes: ${title}`;
    article.tabIndex = -1;
    article.focus({ preventScroll: true });
    go(slide, 0, true);
  }

  function stop() {
    const first = slides[at.slide].parts[0]?.element;
    at = null;
    root.classList.remove("lm-presenting", "lm-speaking", "lm-with-code");
    for (const element of everyPart) {
      element.classList.remove("lm-elsewhere", "lm-later", "lm-running");
      element.style.removeProperty("zoom");
    }
    article.classList.remove("lm-title-slide", "lm-wrapped");
    article.removeAttribute("tabindex");
    document.title = title;
    for (const element of aside) element.inert = false;
    for (const [details, open] of opened) details.open = open;
    bar.remove();
    history.replaceState(null, "", location.href.split("#")[0] + "#");
    first?.scrollIntoView();
    document.querySelector(".btn-slides-button")?.focus({ preventScroll: true });
  }

  /** The slide that one is reading: the last one that begins above, or at the top of the window. */
  function nearest() {
    const tops = slides.map((slide) => slide.parts[0]?.element.getBoundingClientRect().top ?? Infinity);
    return Math.max(
      0,
      tops.findLastIndex((top) => top < 150),
    );
  }

  const KEYS = {
    PageDown: next, PageUp: back, ArrowRight: next, ArrowLeft: back, " ": next, Home: () => go(0, 0),
    End: () => go(slides.length - 1, Infinity), Escape: () => stop(), c: toggleCode, n: () => speaking || openNotes(),
  }; // prettier-ignore
  const REMOTE = ["PageDown", "PageUp"]; // what a presenter's remote control sends, even while a widget has the keys
  const BUSY = "input, select, textarea, button, a, summary, .lm-widget";

  const onKey = (event) => {
    if (!at || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = event.shiftKey && event.key === " " ? back : KEYS[event.key];
    const ours = event.target.closest(".lm-bar") && event.key !== " "; // which presses a button
    if (!action || (event.target.closest(BUSY) && !ours && !REMOTE.includes(event.key))) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };
  window.addEventListener("keydown", onKey, { capture: true }); // before a widget hears of it
  window.addEventListener("resize", () => at && draw());
  // A widget that is drawn only now, or grows under one's hands.
  const sizes = new Map();
  const watch = new ResizeObserver((entries) => {
    const grown = entries.filter(({ target, contentRect }) => {
      const before = sizes.get(target) ?? 0;
      sizes.set(target, contentRect.height);
      return contentRect.height > before + 1;
    });
    if (at && !printing && grown.some(({ target }) => target.checkVisibility())) refit();
  });
  for (const widget of article.querySelectorAll(".lm-widget")) watch.observe(widget);
  window.addEventListener("message", ({ data, source }) => {
    if (!at || source !== peer || !data?.lmcourseSlide) return;
    go(Number(data.lmcourseSlide.slide), Number(data.lmcourseSlide.step), true);
  });

  // Print: every slide on a page of the window's own shape, complete, as large as it is on the screen.
  const pageSize = document.createElement("style");
  let before = null; // where one was
  window.addEventListener("beforeprint", () => {
    if (!at || speaking) return;
    before = at;
    printing = true;
    const own = new Map(); // how large each part is on its own slide: a heading runs above others, in small
    slides.forEach((slide, number) => {
      go(number, Infinity, true);
      for (const { element } of slide.parts) own.set(element, element.style.zoom);
    });
    for (const element of everyPart) {
      element.classList.remove("lm-running");
      element.classList.toggle("lm-on-no-slide", !own.has(element));
      element.style.zoom = own.get(element) ?? "";
    }
    for (const [number, slide] of slides.entries())
      slide.parts.forEach(({ element }, i) => element.classList.toggle("lm-new-page", i === 0 && number > 0));
    const [width, height] = [window.innerWidth, window.innerHeight];
    pageSize.textContent = `@page { size: ${width}px ${height}px; margin: ${0.03 * height}px ${0.03 * width}px; }`;
    document.head.append(pageSize);
  });
  window.addEventListener("afterprint", () => {
    if (!printing) return;
    printing = false;
    pageSize.remove();
    go(before.slide, before.step, true);
  });

  function follow() {
    const found = /^#(slides|notes)(?:-(\d+))?$/.exec(location.hash);
    if (!found) return;
    const number = (Number(found[2]) || 1) - 1;
    if (at) go(number, 0);
    else start(number, found[1] === "notes");
  }

  offerSolutions();
  window.lmcourseSlides = { start, stop, next, back, go, slides, at: () => at };
  window.addEventListener("hashchange", follow);
  if (document.readyState === "complete") follow();
  else window.addEventListener("load", follow);
})();
