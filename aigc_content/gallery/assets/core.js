'use strict';
/* The page's one global: takes what the data scripts bring, makes elements, formats. First in gallery.js. */
window.aigcGallery = (() => {
  const app = { index: null };
  const waiting = new Map(); // chunk number -> functions to call with its data
  const chunks = new Map();
  const listeners = new Map();

  /** Called by the data scripts. */
  app.load = (kind, data) => {
    if (kind === 'index') {
      app.index = data;
      return;
    }
    chunks.set(data.number, data);
    for (const call of waiting.get(data.number) || []) call(data);
    waiting.delete(data.number);
  };

  /** The heavy part of asset `i` (overlay, params, files); loads its chunk when first asked for. */
  app.details = (i) => {
    const number = Math.floor(i / app.index.chunk);
    const pick = (data) => {
      const row = data.items[i % app.index.chunk];
      return { ...row, params: data.params[row.params] };
    };
    if (chunks.has(number)) return Promise.resolve(pick(chunks.get(number)));
    return new Promise((resolve, reject) => {
      if (!waiting.has(number)) {
        waiting.set(number, []);
        const script = document.createElement('script');
        script.src = `gallery/data-${String(number).padStart(4, '0')}.js`;
        script.addEventListener('error', () => {
          waiting.delete(number);
          reject(new Error(`${script.src} cannot be read`));
        });
        document.head.append(script);
      }
      const list = waiting.get(number);
      list.push((data) => resolve(pick(data)));
    });
  };

  app.on = (event, call) => listeners.set(event, [...(listeners.get(event) || []), call]);
  app.emit = (event, detail) => (listeners.get(event) || []).forEach((call) => call(detail));

  app.$ = (id) => document.getElementById(id);

  /** An element from a tag, attributes (`on*` are listeners, `false` and null are left out) and children; text stays text. */
  app.el = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === false || value === null || value === undefined) continue;
      if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
      else if (name === 'class') node.className = value;
      else if (name in node && typeof value === 'boolean') node[name] = value;
      else node.setAttribute(name, value === true ? '' : String(value));
    }
    node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
    return node;
  };

  const SVG = 'http://www.w3.org/2000/svg';
  app.svg = (tag, attributes, ...children) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, String(value));
    node.append(...children);
    return node;
  };
  app.icon = (name) => app.svg('svg', { 'aria-hidden': 'true' }, app.svg('use', { href: `#i-${name}` }));
  app.swapIcon = (button, name) => button.querySelector('use').setAttribute('href', `#i-${name}`);

  /** A path relative to the page as a link: each part encoded, so that no name can be a scheme or a query. */
  app.href = (path) =>
    './' +
    String(path)
      .split('/')
      .map((part) => encodeURIComponent(part.toWellFormed ? part.toWellFormed() : part))
      .join('/');

  const whole = new Intl.NumberFormat('en-US');
  app.count = (value) => whole.format(value);
  app.plural = (value, one, many) => `${whole.format(value)} ${value === 1 ? one : many || one + 's'}`;

  /** A number as a person reads it: whole ones in full, others in four digits. */
  app.number = (value) => {
    if (value === null || Number.isNaN(value)) return '–';
    if (Number.isInteger(value)) return Math.abs(value) < 1e12 ? whole.format(value) : value.toExponential(3);
    const size = Math.abs(value);
    if (size >= 1e6 || size < 1e-4) return value.toExponential(2);
    return String(Number(value.toPrecision(size >= 1000 ? 6 : 4)));
  };

  /** `path_length` as "Path length". */
  app.label = (name) => {
    const text = String(name).replace(/[_-]+/g, ' ').trim();
    return text ? text[0].toUpperCase() + text.slice(1) : String(name);
  };

  app.clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  /** Calls at most once a frame, with the last arguments. */
  app.framed = (call) => {
    let asked = 0;
    return (...values) => {
      cancelAnimationFrame(asked);
      asked = requestAnimationFrame(() => call(...values));
    };
  };

  /** Settings of this page that outlive it; a browser may forbid that, and then they do not. */
  const home = `aigc-gallery:${location.pathname}:`;
  app.recall = (name, otherwise) => {
    try {
      const text = localStorage.getItem(home + name);
      return text === null ? otherwise : JSON.parse(text);
    } catch {
      return otherwise;
    }
  };
  app.remember = (name, value) => {
    try {
      localStorage.setItem(home + name, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  };

  let hiding = 0;
  app.toast = (text) => {
    const toast = app.$('toast');
    toast.textContent = text;
    toast.classList.add('shown');
    clearTimeout(hiding);
    hiding = setTimeout(() => toast.classList.remove('shown'), 2600);
  };
  return app;
})();
