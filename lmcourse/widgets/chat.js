// ChatBox: a conversation with a bot that has read a story.
// Python answers in a running notebook; in a page of the book the recorded answers of the examples do.

import { button, h, hold, inLanguage, spelled } from "./base.js";

const [READER, BOT, ERROR, NEW, NOTE] = ["you", "bot", "error", "new", "note"];

// ---------------------------------------------------------------- what was said

const plain = (text) => text.normalize("NFC").toLowerCase().replace(/[\s.?!]+/g, " ").trim();

/** The turns that a page without Python adds when an example is chosen: [who, text]. */
export const replay = (turns, example) => [...turns, ...(turns.length ? [[NEW, ""]] : []), ...example];

/**
 * The turns that a page without Python adds to what was typed: the recorded answer, if the message is the beginning
 * of an example or its next turn, however it is spaced, and else a note.
 */
export function recorded(turns, examples, text) {
  const begin = turns.findLastIndex(([who]) => who === NEW) + 1;
  const now = [...turns.slice(begin).filter(([who]) => who !== NOTE), [READER, text]];
  const said = ([who, words], [other, others]) => who === other && plain(words) === plain(others);
  for (const example of examples) {
    const goesOn = example.length > now.length && now.every((turn, i) => said(turn, example[i]));
    if (goesOn) return [...turns, [READER, text], example[now.length]];
  }
  const first = examples.find((example) => said([READER, text], example[0]));
  if (first) return [...replay(turns, [[READER, text]]), first[1]];
  return [...turns, [READER, text], [NOTE, ""]];
}

// ---------------------------------------------------------------- words for people

const STRINGS = {
  en: {
    log: "Conversation",
    story: "What the bot has read",
    you: "You",
    bot: "Bot",
    error: "No answer",
    input: "Your message",
    ask: "Ask about the story, or say hello",
    choose: "Try an example",
    send: "Send",
    examples: "Examples",
    more: (n) => ` and ${n} more`,
    again: "Start again",
    fresh: "new conversation",
    thinking: "The bot is thinking",
    connecting: "Looking for Python …",
    needs: "The answers in this page are recorded. Other questions need a running notebook: open this chapter in JupyterLab.",
    note: "This page has no answer to that: nothing runs behind it. Open this chapter as a notebook to ask it, or choose an example.",
    late: "Python has not answered yet. Is the kernel running, or busy with another cell?",
    empty: "empty answer",
  },
  ko: {
    log: "대화",
    story: "챗봇이 읽은 이야기",
    you: "나",
    bot: "챗봇",
    error: "답 없음",
    input: "보낼 말",
    ask: "이야기에 대해 묻거나 인사해 보세요",
    choose: "예시를 골라 보세요",
    send: "보내기",
    examples: "예시",
    more: (n) => ` 외 ${n}마디`,
    again: "처음부터",
    fresh: "새 대화",
    thinking: "챗봇이 생각하고 있습니다",
    connecting: "파이썬을 찾고 있습니다 …",
    needs: "이 페이지의 답은 미리 기록한 것입니다. 다른 질문을 하려면 이 장을 JupyterLab에서 노트북으로 열어 실행하세요.",
    note: "이 페이지 뒤에는 실행 중인 프로그램이 없어서 답할 수 없습니다. 이 장을 노트북으로 열어 물어보거나 예시를 골라 보세요.",
    late: "아직 파이썬의 답이 없습니다. 커널이 켜져 있는지, 다른 셀을 실행하고 있지 않은지 확인해 보세요.",
    empty: "빈 답",
  },
};

// ---------------------------------------------------------------- page

const SEND = "M12 19V5.500M6 11l6-6 6 6";
const LATE = 15000; // milliseconds without an answer
const HELLO = 3000; // milliseconds in which Python is looked for
let views = 0;

function render({ model, el }) {
  const uid = `lmt-${++views}`;
  const T = inLanguage(STRINGS, model.get("language"));
  let live = false; // Python has answered
  let looking = document.documentElement.dataset.content_root === undefined; // not in a page of the book
  let queue = []; // {text, new} that is not sent yet, or not heard yet
  let sent = null; // the first of the queue, when it is on its way
  let since = 0; // when the last message went to Python
  let late = null;
  let own = false;

  const turns = () => model.get("turns");
  const waiting = () => live && (sent !== null || turns().at(-1)?.[0] === READER);
  const slow = () => waiting() && performance.now() - since > LATE;
  const set = (value) => {
    own = true;
    model.set("turns", value);
    model.save_changes();
    own = false;
    update();
  };

  // ---- parts

  const story = h("aside", { className: "lmt-story", aria: { label: T.story } });
  const log = h("div", { className: "lmt-log", tabIndex: 0, aria: { role: "log", live: "polite", label: T.log } });
  const field = h("textarea", { className: "lmt-field", rows: 1, maxLength: 1000, autocomplete: "off", aria: { label: T.input, describedby: `${uid}-note` } });
  const send = button("on", T.send, () => say(), "lm-main lmt-send");
  send.querySelector("path").setAttribute("d", SEND);
  send.title = T.send;
  const again = button("reset", T.again, () => {
    if (waiting() && !slow()) return; // the answer would come into the new conversation
    queue = [];
    sent = null;
    set(model.get("opening"));
    field.focus();
  }, "lmt-again");
  again.title = T.again;
  const note = h("p", { className: "lmt-hint", id: `${uid}-note` });
  const examples = h("div", { className: "lmt-examples", aria: { role: "group", label: T.examples } });
  for (const example of model.get("examples")) {
    const asked = example.filter(([who]) => who === READER).map(([, text]) => text);
    const choose = h("button", { type: "button", className: "lmt-example", on: { click: () => tell(example, asked) } });
    choose.append(spelled(h("span"), asked[0], 40));
    if (asked.length > 1) choose.append(h("small", {}, T.more(asked.length - 1)));
    examples.append(choose);
  }
  examples.hidden = !examples.children.length;
  const entry = h("div", { className: "lmt-entry" }, field, send, again);
  el.classList.add("lm-explorer", "lmt");
  el.replaceChildren(h("div", { className: "lmt-body" }, story, h("div", { className: "lmt-chat" }, log, examples, entry, note)));
  const release = hold(el);

  // ---- saying

  const say = () => {
    const text = field.value.trim();
    if (!text) return field.focus();
    field.value = "";
    if (live || looking) ask([{ text }]);
    else set(recorded(turns(), model.get("examples"), text));
    field.focus();
  };
  const tell = (example, asked) => {
    if (live || looking) ask(asked.map((text, i) => ({ text, new: i === 0 })));
    else set(replay(turns(), example));
  };
  const ask = (messages) => {
    queue.push(...messages);
    next();
    update();
  };
  /** Send the first of the queue, unless the bot is still thinking about another. */
  const next = () => {
    if (!live || waiting() || !queue.length) return;
    sent = queue[0];
    clearTimeout(late);
    late = setTimeout(update, LATE + 50);
    since = performance.now();
    model.send({ kind: "ask", text: sent.text, new: Boolean(sent.new) });
  };
  const changed = () => {
    if (own) return;
    // Python has written the message down: it is no longer only ours.
    if (sent && turns().some(([who, text]) => who === READER && text === sent.text)) {
      queue.shift();
      sent = null;
    }
    next();
    update();
  };
  const heard = (message) => {
    if (message?.kind !== "here") return;
    [live, looking] = [true, false];
    next();
    update();
  };
  // What was asked before Python was found to be missing is answered from the record.
  const giveUp = () => {
    if (live) return;
    looking = false;
    const asked = queue.map(({ text }) => text);
    queue = [];
    set(asked.reduce((all, text) => recorded(all, model.get("examples"), text), turns()));
  };

  field.addEventListener("keydown", (event) => {
    // The Enter that ends a syllable of Hangul is not meant for us; Safari tells it by its number only.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    say();
  });

  // ---- drawing

  const bubble = (who, text, pending = false) => {
    if (who === NEW) return h("p", { className: "lmt-new" }, h("span", {}, T.fresh));
    const body = spelled(h("p", { className: "lmt-text" }), text, Infinity);
    if (who === NOTE) body.textContent = T.note;
    else if (!text.trim()) body.append(h("span", { className: "lm-special" }, `∅ ${T.empty}`));
    const speaker = h("b", { className: who === ERROR ? "lmt-who" : "lm-hidden" }, who === ERROR ? `⚠ ${T.error}` : `${who === READER ? T.you : T.bot}: `);
    return h("div", { className: `lmt-turn lmt-${who}${pending ? " lmt-pending" : ""}` }, ...(who === NOTE ? [] : [speaker]), body);
  };

  let shown = []; // the turns that stand in the log: what is new is added, so that it alone is read out
  function drawLog() {
    const greeting = model.get("greeting") ? [[BOT, model.get("greeting")]] : [];
    const all = [...greeting, ...turns()].map((turn) => [...turn, false]);
    for (const { text, new: fresh } of queue) {
      if (fresh && all.length > greeting.length) all.push([NEW, "", true]);
      all.push([READER, text, true]);
    }
    log.querySelectorAll(".lmt-wait").forEach((each) => each.remove());
    let same = 0;
    while (same < shown.length && same < all.length && shown[same].every((x, i) => x === all[same][i])) same++;
    [...log.children].slice(same).forEach((each) => each.remove());
    const added = all.slice(same).map((turn) => bubble(...turn));
    log.append(...added);
    if (waiting() || (looking && queue.length)) {
      log.append(h("div", { className: "lmt-turn lmt-bot lmt-wait" },
        slow() ? h("p", { className: "lmt-text" }, T.late) : h("p", { className: "lmt-dots" }, h("i"), h("i"), h("i"), h("span", { className: "lm-hidden" }, T.thinking))));
    }
    shown = all;
    log.hidden = !log.children.length;
    if (added.length || log.querySelector(".lmt-wait")) log.scrollTop = log.scrollHeight;
  }

  function drawStory() {
    const sentences = model.get("story");
    story.hidden = !sentences.length;
    el.classList.toggle("lmt-told", sentences.length > 0);
    story.replaceChildren(h("h4", {}, T.story), h("div", { className: "lmt-page", tabIndex: 0, aria: { role: "group", label: T.story } },
      ...sentences.map((text) => spelled(h("p", { className: "lmt-text" }), text, Infinity))));
  }

  function update() {
    field.placeholder = live || looking ? T.ask : T.choose;
    note.textContent = live ? "" : looking ? T.connecting : T.needs;
    again.setAttribute("aria-disabled", String((waiting() && !slow()) || (turns().length === model.get("opening").length && !queue.length)));
    drawLog();
  }

  model.on("change:turns", changed);
  model.on("change:greeting", update);
  model.on("change:story", drawStory);
  model.on("msg:custom", heard);
  drawStory();
  update();
  const search = looking ? setTimeout(giveUp, HELLO) : null;
  if (looking) model.send({ kind: "hello" });

  return () => {
    clearTimeout(search);
    clearTimeout(late);
    release();
    model.off("change:turns", changed);
    model.off("change:greeting", update);
    model.off("change:story", drawStory);
    model.off("msg:custom", heard);
  };
}

export default { render };
