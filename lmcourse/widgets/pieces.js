// Text into pieces and back, as lmcourse/text.py does it. base.py puts this text in the place of the line that imports it.

const BLANK = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"; // as Python has it
const LETTER = "\\p{L}\\p{N}_";
const PATTERNS = {
  eojeol: new RegExp(` ?[^${BLANK}]+|[${BLANK}]`, "gu"),
  word: new RegExp(` ?(?:\\p{Nd}+(?:[.,]\\p{Nd}+)*|[${LETTER}]+(?:['’][${LETTER}]+)*|[^${LETTER}${BLANK}])|[${BLANK}]`, "gu"),
};
const ESCAPED = new RegExp(`[${BLANK}▁▔]`, "gu");
const SPACE = new RegExp(`[${BLANK}]`, "u");
const SYLLABLE = /[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?/g;

const code = (c) => `▔${c.codePointAt(0).toString(16)}▔`;
const escape = (text) => text.replace(ESCAPED, (c) => (c === " " ? "▁" : code(c)));

/** What the eye takes for one letter. */
function blocks(text) {
  const found = [];
  for (const c of text) {
    const mark = /\p{M}|\u200d/u.test(c);
    const part = /[\u1160-\u11ff\ud7b0-\ud7fb]/.test(c);
    const last = Array.from(found.at(-1) ?? " ").at(-1);
    const hangul = /[\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff]/.test(last);
    if (!SPACE.test(last) && (mark || last === "\u200d" || (part && hangul))) found[found.length - 1] += c;
    else found.push(c);
  }
  return found;
}

function jamo(text) {
  return Array.from(text).flatMap((c) => {
    if (c >= "가" && c <= "힣") return Array.from(c.normalize("NFD"));
    return /[\u1100-\u11ff]/.test(c) ? code(c) : escape(c);
  });
}

/** The pieces of a text, as lmcourse.text.split gives them. */
export function split(text, unit) {
  if (unit === "jamo") return jamo(text);
  if (unit === "character") return Array.from(text, escape);
  if (unit === "syllable") return blocks(text).map(escape);
  return text ? (` ${text}`.match(PATTERNS[unit]) ?? []).map(escape) : [];
}

/** The text that pieces make, as lmcourse.text.join gives it. */
export function join(pieces, unit) {
  let text = pieces.join("");
  if (unit === "jamo") text = text.replace(SYLLABLE, (s) => s.normalize("NFC"));
  if (unit === "word" || unit === "eojeol") text = text.replace(/^▁/, "");
  return text.replace(/▁|▔([0-9a-f]{1,6})▔/g, (all, digits) => {
    const point = digits === undefined ? 32 : parseInt(digits, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : all;
  });
}

export { BLANK, SPACE, escape };
