/* Makes the widgets of a notebook live in a static page: no kernel, no network, http:// and file:// alike.
 *
 * MyST-NB writes the state of all widgets into one <script type="application/vnd.jupyter.widget-state+json"> and a
 * <script type="application/vnd.jupyter.widget-view+json"> wherever one is shown. This file builds a model for each
 * state and a view for each place:
 *   - anywidgets run their own module, as in JupyterLab (model.get/set/on/off/save_changes, initialize, render);
 *   - sliders, dropdowns, checkboxes, text fields, boxes, labels, HTML and progress bars are drawn with the browser's own controls;
 *   - jslink and jsdlink work;
 *   - anything else says that it needs a running notebook. So does a callback in Python: nothing is there to run it.
 *
 * A classic script on purpose: browsers load <script type="module" src> over http only.
 */
(() => {
  "use strict";
  const STATE = "application/vnd.jupyter.widget-state+json";
  const VIEW = "application/vnd.jupyter.widget-view+json";

  // ---------------------------------------------------------------- models

  const same = (a, b) =>
    a === b || (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((x, i) => same(x, b[i])));

  /** State and events of one widget: the part of a Backbone model that widgets use. */
  class Model {
    #state;
    #listeners = []; // {name, callback, context}

    constructor(id, name, state, manager) {
      Object.assign(this, { id, model_id: id, name, widget_manager: manager });
      this.#state = state;
    }
    get(key) {
      return this.#state[key];
    }
    set(key, value) {
      const changes = typeof key === "object" ? key : { [key]: value };
      const changed = Object.keys(changes).filter((k) => !same(this.#state[k], changes[k]));
      for (const k of changed) this.#state[k] = changes[k];
      for (const k of changed) this.#fire(`change:${k}`, this, changes[k]);
      if (changed.length) this.#fire("change", this);
    }
    on(names, callback, context) {
      for (const name of names.split(/\s+/)) this.#listeners.push({ name, callback, context });
    }
    /** Whatever is left out (or null) matches everything, as in Backbone. */
    off(names, callback, context) {
      const gone = names ? names.split(/\s+/) : null;
      this.#listeners = this.#listeners.filter(
        (l) =>
          (gone && !gone.includes(l.name)) || (callback && callback !== l.callback) || (context && context !== l.context),
      );
    }
    #fire(name, ...details) {
      // A copy, because a callback may take itself off. One that fails must not keep the others from hearing.
      for (const { callback, context } of this.#listeners.filter((l) => l.name === name)) {
        try {
          callback.apply(context, details);
        } catch (error) {
          console.error(error);
        }
      }
    }
    get listenerCount() {
      return this.#listeners.length;
    }
    save_changes() {} // there is no other side
    send() {} // and so "msg:custom" may be listened for, but never comes
  }

  const bytes = (base64) => {
    const text = atob(base64);
    return new DataView(Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer);
  };

  const modelId = (reference) => String(reference).replace(/^(IPY_MODEL_|anywidget:)/, "");

  function readModels() {
    const models = new Map();
    const manager = {
      async get_model(id) {
        if (!models.has(id)) throw new Error(`no widget ${id} is stored in this page`);
        return models.get(id);
      },
    };
    for (const script of document.querySelectorAll(`script[type="${STATE}"]`)) {
      for (const [id, stored] of Object.entries(JSON.parse(script.textContent).state)) {
        for (const { path, data } of stored.buffers ?? []) {
          const holder = path.slice(0, -1).reduce((value, key) => value[key], stored.state);
          holder[path.at(-1)] = bytes(data);
        }
        models.set(id, new Model(id, stored.model_name, stored.state, manager));
      }
    }
    return models;
  }

  /** jslink and jsdlink: copy once, then on every change. */
  function connectLinks(models) {
    for (const link of models.values()) {
      if (!["LinkModel", "DirectionalLinkModel"].includes(link.name)) continue;
      const [[source, from], [target, to]] = [link.get("source"), link.get("target")];
      const [a, b] = [models.get(modelId(source)), models.get(modelId(target))];
      if (!a || !b) continue;
      const forth = () => b.set(to, a.get(from));
      a.on(`change:${from}`, forth);
      if (link.name === "LinkModel") b.on(`change:${to}`, () => a.set(from, b.get(to)));
      forth();
    }
  }

  // ---------------------------------------------------------------- anywidgets

  const modules = new Map(); // source -> promise of the module: many widgets, one import
  const started = new WeakMap(); // model -> promise of {widget, exports}

  function load(source) {
    if (!modules.has(source)) {
      if (typeof source !== "string" || /^https?:/.test(source)) throw new Error("it is loaded from another host");
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      modules.set(source, import(url).finally(() => URL.revokeObjectURL(url)));
    }
    return modules.get(source);
  }

  function addStyle(css, owner) {
    const id = `widget-style-${owner}`;
    if (!css || /^https?:/.test(css) || document.getElementById(id)) return;
    const style = document.createElement("style");
    style.id = id;
    style.textContent = css;
    document.head.append(style);
  }

  /** What a widget is given in place of the model: its listeners go when its view goes. */
  function proxy(model, signal) {
    const mine = {};
    signal?.addEventListener("abort", () => model.off(null, null, mine));
    return {
      get: (key) => model.get(key),
      set: (key, value) => model.set(key, value),
      save_changes: () => model.save_changes(),
      send: () => model.send(),
      on: (names, callback) => model.on(names, callback, mine),
      off: (names, callback) => model.off(names, callback, mine),
      widget_manager: model.widget_manager,
    };
  }

  const experimental = {
    invoke: async () => {
      throw new Error("needs a running notebook");
    },
  };

  /** Import the module and run initialize, once for a model however often it is shown. */
  function start(model) {
    if (!started.has(model)) {
      const starting = (async () => {
        addStyle(model.get("_css"), model.get("_anywidget_id"));
        const module = await load(model.get("_esm"));
        let widget = module.default ?? module;
        if (typeof widget === "function") widget = await widget();
        const { signal } = new AbortController();
        const exports = await widget.initialize?.({ model: proxy(model), signal, experimental });
        return { widget, exports: typeof exports === "object" ? exports : undefined };
      })();
      started.set(model, starting);
    }
    return started.get(model);
  }

  async function renderAnyWidget(model, el, signal) {
    const { widget } = await start(model);
    if (signal.aborted) return;
    const host = {
      getModel: async (reference) => proxy(await model.widget_manager.get_model(modelId(reference)), signal),
      getWidget: async (reference) => {
        const child = await model.widget_manager.get_model(modelId(reference));
        const { exports } = await start(child);
        return { exports, render: (view) => renderAnyWidget(child, view.el, view.signal ?? signal) };
      },
    };
    const cleanup = await widget.render?.({ model: proxy(model, signal), el, signal, host, experimental });
    if (typeof cleanup !== "function") return;
    if (signal.aborted) cleanup();
    else signal.addEventListener("abort", () => cleanup());
  }

  // ---------------------------------------------------------------- controls of ipywidgets

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  /** Run now and on every change of the named traits, until the view goes. */
  function follow(model, traits, signal, update) {
    const names = traits.map((trait) => `change:${trait}`).join(" ");
    model.on(names, update);
    signal.addEventListener("abort", () => model.off(names, update));
    update();
  }

  function labelled(model, control, el, signal, ...more) {
    const label = make("span", { className: "lm-label" });
    follow(model, ["description", "disabled"], signal, () => {
      label.textContent = model.get("description") ?? "";
      label.hidden = !label.textContent;
      control.disabled = Boolean(model.get("disabled"));
    });
    el.append(make("label", { className: "lm-control" }, label, control, ...more));
  }

  function slider(model, el, signal) {
    const input = make("input", { type: "range" });
    const output = make("output");
    const digits = /^\.(\d+)f$/.exec(model.get("readout_format") ?? "")?.[1];
    follow(model, ["value", "min", "max", "step", "readout"], signal, () => {
      for (const key of ["min", "max", "step"]) input[key] = model.get(key) ?? "any";
      input.value = model.get("value");
      output.textContent = digits ? Number(model.get("value")).toFixed(digits) : model.get("value");
      output.hidden = model.get("readout") === false;
    });
    input.addEventListener("input", () => model.set("value", Number(input.value)), { signal });
    labelled(model, input, el, signal, output);
  }

  function dropdown(model, el, signal) {
    const select = make("select");
    follow(model, ["_options_labels", "index"], signal, () => {
      select.replaceChildren(...(model.get("_options_labels") ?? []).map((text) => new Option(text)));
      select.selectedIndex = model.get("index") ?? -1;
    });
    select.addEventListener("change", () => model.set("index", select.selectedIndex), { signal });
    labelled(model, select, el, signal);
  }

  function checkbox(model, el, signal) {
    const input = make("input", { type: "checkbox" });
    follow(model, ["value"], signal, () => (input.checked = Boolean(model.get("value"))));
    input.addEventListener("change", () => model.set("value", input.checked), { signal });
    labelled(model, input, el, signal);
  }

  function text(model, el, signal) {
    const input = make("input", { type: "text", placeholder: model.get("placeholder") ?? "" });
    follow(model, ["value"], signal, () => (input.value = model.get("value") ?? ""));
    const event = model.get("continuous_update") === false ? "change" : "input";
    input.addEventListener(event, () => model.set("value", input.value), { signal });
    labelled(model, input, el, signal);
  }

  function progress(model, el, signal) {
    const bar = make("progress");
    follow(model, ["value", "min", "max"], signal, () => {
      const low = model.get("min") ?? 0;
      bar.max = Math.max((model.get("max") ?? 100) - low, Number.MIN_VALUE);
      bar.value = model.get("value") - low;
    });
    labelled(model, bar, el, signal);
  }

  const shownText = (as) => (model, el, signal) => {
    const element = make("div", { className: "lm-text" });
    follow(model, ["value"], signal, () => (element[as] = model.get("value") ?? ""));
    el.append(element);
  };

  const box = (direction) => (model, el, signal, models) => {
    el.classList.add("lm-box", `lm-box-${direction}`);
    let views = new AbortController();
    signal.addEventListener("abort", () => views.abort());
    follow(model, ["children"], signal, () => {
      views.abort();
      views = new AbortController();
      const places = model.get("children").map((reference) => {
        const place = make("div");
        show(models.get(modelId(reference)), place, views.signal, models);
        return place;
      });
      el.replaceChildren(...places);
    });
  };

  const views = {
    AnyModel: renderAnyWidget,
    IntSliderModel: slider,
    FloatSliderModel: slider,
    DropdownModel: dropdown,
    CheckboxModel: checkbox,
    TextModel: text,
    IntProgressModel: progress,
    FloatProgressModel: progress,
    LabelModel: shownText("textContent"),
    HTMLModel: shownText("innerHTML"), // the author's HTML, as in any other output of the notebook
    BoxModel: box("row"),
    HBoxModel: box("row"),
    VBoxModel: box("column"),
  };

  // ---------------------------------------------------------------- views

  function applyLayout(model, el, signal, models) {
    for (const name of model.get("_dom_classes") ?? []) el.classList.add(name);
    const layout = models.get(modelId(model.get("layout")));
    for (const key of ["display", "width", "max_width", "min_width", "height", "margin", "padding", "border", "flex_flow", "justify_content", "align_items"]) {
      if (layout?.get(key)) el.style.setProperty(key.replaceAll("_", "-"), layout.get(key));
    }
    if (layout) follow(layout, ["visibility"], signal, () => (el.style.visibility = layout.get("visibility") ?? ""));
  }

  const say = (el, kind, message) => el.replaceChildren(make("p", { className: `lm-widget-${kind}`, textContent: message }));

  async function show(model, el, signal, models) {
    el.classList.add("lm-widget");
    if (!model) return say(el, "note", "This widget is not stored in the notebook. Run the notebook once and save it.");
    el.dataset.widget = model.name;
    try {
      applyLayout(model, el, signal, models);
      if (Object.hasOwn(views, model.name)) await views[model.name](model, el, signal, models);
      else say(el, "note", `This widget (${model.name.replace(/Model$/, "")}) needs a running notebook.`);
    } catch (error) {
      console.error(error);
      say(el, "error", `This widget could not be shown: ${error?.message ?? error}`);
    }
  }

  function boot() {
    const page = new AbortController();
    const models = readModels();
    connectLinks(models);
    const shown = [...document.querySelectorAll(`script[type="${VIEW}"]`)].map((script) => {
      const el = make("div");
      script.before(el);
      return show(models.get(JSON.parse(script.textContent).model_id), el, page.signal, models);
    });
    // Timers and listeners of the widgets end with the page, unless the browser keeps it to come back to.
    addEventListener("pagehide", (event) => event.persisted || page.abort());
    return { models, ready: Promise.all(shown), dispose: () => page.abort() };
  }

  const run = () => (window.lmcourseWidgets = boot());
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run);
  else run();
})();
