"""What every widget must keep to, whatever it shows."""

SMALL = """(el) => [...el.querySelectorAll("button, select, textarea, input, .lm-pill label")]
  .filter((e) => !e.matches("[type=radio], .lmr-token"))  // a label is pressed; symbols can be walked by arrows
  .filter((e) => e.getClientRects().length)
  .map((e) => [e.getAttribute("aria-label") ?? (e.textContent || e.type), e.getBoundingClientRect()])
  .filter(([, box]) => box.height < 39.5 || box.width < 39.5)
  .map(([name]) => name)"""

LOW = """(el) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const over = (colours) => {  // paint one over the other
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const linear = (v) => (v <= 10 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const bad = [];
  for (const e of el.querySelectorAll("*")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const dead = e.closest("[aria-disabled=true], option, .lmr-space, .lm-hidden");
    if (!own || !e.getClientRects().length || dead || getComputedStyle(e).visibility === "hidden") continue;
    const behind = [];
    for (let at = e; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
    const back = over(["#fff", ...behind]);
    const front = over(["#fff", ...behind, getComputedStyle(e).color]);
    const [a, b] = [light(back), light(front)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(`${e.className || e.tagName}: ${e.textContent}`);
  }
  return bad;
}"""


def small_targets(widget):
    """What a finger would miss: controls of less than 40 pixels."""
    return widget.evaluate(SMALL)


def low_contrast(widget):
    """Texts that stand out too little from what is behind them, by the rule of WCAG: 4.5 to 1."""
    return widget.evaluate(LOW)
