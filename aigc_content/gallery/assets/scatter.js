'use strict';
/* Two figures of every asset on a canvas: hover names it, a click opens it, a drag filters. */
((app) => {
  const { $, el, state } = app;
  const { PAD, COLORS, variety, scale, spreads, spread, palette, coloring, dot, drawAxes } = app.plot;
  const NEAR = 14; // how far from a point the pointer still finds it
  const parts = {};
  let box = null; // what is drawn: sizes, scales, points
  let hovered = -1;
  let brush = null;

  const numbers = () =>
    [...app.columns.values()].filter((column) => column.kind === 'number' && column.high > column.low);

  /** The axes and the color that are asked for, or two that tell something. */
  const axes = () => {
    const columns = numbers();
    const usable = (key) => columns.find((column) => column.key === key);
    const telling = [...columns].sort((a, b) => variety(b) - variety(a));
    const x = usable(state.x) || telling.find((column) => column.key !== state.y) || columns[0];
    const y = usable(state.y) || telling.find((column) => column !== x) || columns[0];
    const asked = app.columns.get(state.color);
    const color =
      state.color === 'none' ? null : asked && asked.varies ? asked : app.jobs.varies ? app.jobs : null;
    return { x, y, color };
  };

  /* --- drawing -------------------------------------------------------------------------------------------- */

  const layout = () => {
    const { x, y, color } = axes();
    const { clientWidth: width, clientHeight: height } = parts.plot;
    const colors = palette();
    const across = scale(x, PAD.left, width - PAD.right);
    const up = scale(y, height - PAD.bottom, PAD.top);
    const at = new Float32Array(app.total * 2);
    for (let i = 0; i < app.total; i += 1) {
      at[2 * i] = across.to(x.values[i]) + spread(x, across.to, i, 0);
      at[2 * i + 1] = up.to(y.values[i]) + spread(y, up.to, i, 7919);
    }
    box = { x, y, color, width, height, colors, across, up, at, coloring: coloring(color, colors) };
  };

  const drawPoints = (pen) => {
    const { at, colors, coloring: paint } = box;
    const rows = app.rows();
    const radius = app.total > 4000 ? 2.5 : app.total > 600 ? 3.5 : 5;
    const dots = window.devicePixelRatio || 1;
    const half = radius + 1;
    const put = (sprite, i) =>
      at[2 * i] === at[2 * i] &&
      at[2 * i + 1] === at[2 * i + 1] &&
      pen.drawImage(sprite, at[2 * i] - half, at[2 * i + 1] - half, half * 2, half * 2);
    const inside = new Uint8Array(app.total);
    for (const i of rows) inside[i] = 1;
    if (rows.length < app.total) {
      const sprite = dot(radius, colors.out, dots);
      for (let i = 0; i < app.total; i += 1) if (!inside[i]) put(sprite, i);
    }
    pen.globalAlpha = app.total > 4000 ? 0.55 : app.total > 600 ? 0.7 : 0.85;
    const sprites = paint.list.map((color) => dot(radius, color, dots));
    const stride = app.total % 7919 ? 7919 : 1; // mixes the jobs, so that the last one does not cover the others
    for (let k = 0; k < app.total; k += 1) {
      const i = (k * stride) % app.total;
      if (inside[i]) put(sprites[paint.of(i)], i);
    }
    pen.globalAlpha = 1;
  };

  const paint = (canvas, draw) => {
    const dots = window.devicePixelRatio || 1;
    const { width, height } = box;
    if (canvas.width !== Math.round(width * dots)) canvas.width = Math.round(width * dots);
    if (canvas.height !== Math.round(height * dots)) canvas.height = Math.round(height * dots);
    const pen = canvas.getContext('2d');
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, width, height);
    draw(pen);
  };

  const draw = app.framed(() => {
    if (state.view !== 'scatter' || !parts.plot?.clientWidth) return;
    layout();
    paint(parts.points, (pen) => {
      drawAxes(pen, box);
      drawPoints(pen);
    });
    drawLight();
    legend();
    parts.upLabel.textContent = box.y.label;
    parts.light.setAttribute(
      'aria-label',
      `${box.y.label} over ${box.x.label}: ${app.count(app.rows().length)} of ${app.plural(app.total, 'asset')}. Arrow keys go from point to point, Enter opens.`,
    );
  });

  /** The layer above the points: the point under the pointer, the rectangle being drawn. */
  const drawLight = () =>
    paint(parts.light, (pen) => {
      const { colors } = box;
      if (brush) {
        const [left, top, right, bottom] = corners();
        pen.fillStyle = colors.accent;
        pen.globalAlpha = 0.12;
        pen.fillRect(left, top, right - left, bottom - top);
        pen.globalAlpha = 1;
        pen.strokeStyle = colors.accent;
        pen.strokeRect(left + 0.5, top + 0.5, right - left, bottom - top);
      }
      if (hovered >= 0) {
        pen.beginPath();
        pen.arc(box.at[2 * hovered], box.at[2 * hovered + 1], 7, 0, Math.PI * 2);
        pen.lineWidth = 2;
        pen.strokeStyle = colors.ink;
        pen.stroke();
      }
    });

  const legend = () => {
    const { color, colors } = box;
    if (!color) {
      parts.legend.replaceChildren();
      return;
    }
    if (color.kind === 'number') {
      const bar = el('span', { class: 'ramp' });
      parts.legend.replaceChildren(app.number(color.low), bar, app.number(color.high));
      return;
    }
    const places = color.sorted.filter((place) => color.histogram[place]);
    const one = (place) => {
      const mark = el('i');
      mark.style.background = colors.series[place % COLORS];
      return el('span', { class: 'entry' }, mark, color.words[place]);
    };
    const rest = places.length > 10 ? [el('span', { class: 'faint' }, `and ${places.length - 10} more`)] : [];
    parts.legend.replaceChildren(...places.slice(0, 10).map(one), ...rest);
  };

  /* --- pointer and keys ----------------------------------------------------------------------------------- */

  const corners = () => [
    Math.min(brush.x, brush.toX),
    Math.min(brush.y, brush.toY),
    Math.max(brush.x, brush.toX),
    Math.max(brush.y, brush.toY),
  ];

  const nearest = (x, y) => {
    let best = NEAR * NEAR;
    let found = -1;
    for (const i of app.rows()) {
      const far = (box.at[2 * i] - x) ** 2 + (box.at[2 * i + 1] - y) ** 2;
      if (far < best) [best, found] = [far, i];
    }
    return found;
  };

  const tip = () => {
    const { tip: node } = parts;
    node.hidden = hovered < 0 || Boolean(brush);
    if (node.hidden) return;
    if (node.dataset.i !== String(hovered)) {
      node.dataset.i = hovered;
      const line = (column) =>
        el('p', {}, el('span', { class: 'faint' }, column.label), el('b', {}, column.text(hovered)));
      const lines = [
        box.x,
        box.y,
        ...(box.color && box.color !== box.x && box.color !== box.y ? [box.color] : []),
      ];
      node.replaceChildren(
        el('span', { class: 'frame' }, app.thumbnail(hovered, 'eager')),
        el('h3', {}, app.id(hovered)),
        ...lines.map(line),
      );
    }
    const [x, y] = [box.at[2 * hovered], box.at[2 * hovered + 1]];
    const right = x + 20 + node.offsetWidth > box.width;
    node.style.left = `${right ? x - 16 - node.offsetWidth : x + 16}px`;
    node.style.top = `${app.clamp(y - node.offsetHeight / 2, 0, box.height - node.offsetHeight)}px`;
  };

  const hover = (i) => {
    if (i === hovered) return;
    hovered = i;
    parts.light.classList.toggle('onpoint', i >= 0);
    drawLight();
    tip();
  };

  const place = (event) => {
    const edge = parts.plot.getBoundingClientRect();
    return [event.clientX - edge.left, event.clientY - edge.top];
  };

  const inside = (x, y) => [
    app.clamp(x, PAD.left, box.width - PAD.right),
    app.clamp(y, PAD.top, box.height - PAD.bottom),
  ];

  const choose = () => {
    const [left, top, right, bottom] = corners();
    brush = null;
    const neat = (column, value, up) =>
      column.whole ? (up ? Math.ceil(value) : Math.floor(value)) : Number(value.toPrecision(4));
    const { x, y, across, up } = box;
    const wide = spreads(x) ? 0.3 : 0; // a spread point belongs to its whole number
    const tall = spreads(y) ? 0.3 : 0;
    const range = (column, low, high) => {
      const [first, last] = [neat(column, low, true), neat(column, high, false)];
      state.ranges.set(column.key, first <= last ? [first, last] : [first, first]);
    };
    range(x, across.from(left) - wide, across.from(right) + wide);
    range(y, up.from(bottom) - tall, up.from(top) + tall);
    app.refilter();
  };

  const listen = (canvas) => {
    canvas.addEventListener('pointerdown', (event) => {
      if (!box || event.button !== 0) return;
      const [x, y] = inside(...place(event));
      brush = { x, y, toX: x, toY: y, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!box) return;
      const [x, y] = place(event);
      if (!brush) {
        hover(nearest(x, y));
        return;
      }
      [brush.toX, brush.toY] = inside(x, y);
      brush.moved = brush.moved || Math.hypot(brush.toX - brush.x, brush.toY - brush.y) > 5;
      if (brush.moved) {
        tip();
        drawLight();
      }
    });
    canvas.addEventListener('pointerup', (event) => {
      if (!brush) return;
      if (brush.moved) {
        choose();
        return;
      }
      brush = null;
      const found = nearest(...place(event));
      if (found >= 0) app.setOpen(app.id(found));
    });
    canvas.addEventListener('pointercancel', () => {
      brush = null;
      drawLight();
    });
    canvas.addEventListener('pointerleave', () => !brush && hover(-1));
    canvas.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && hovered >= 0) {
        event.preventDefault();
        app.setOpen(app.id(hovered));
      }
      const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!by || !box) return;
      event.preventDefault();
      const order = [...app.rows()].filter((i) => !Number.isNaN(box.at[2 * i] + box.at[2 * i + 1]));
      order.sort((a, b) => box.at[2 * a] - box.at[2 * b] || a - b);
      if (!order.length) return;
      const at = order.indexOf(hovered);
      hover(order[at < 0 ? 0 : app.clamp(at + by, 0, order.length - 1)]);
    });
    canvas.addEventListener('blur', () => hover(-1));
  };

  /* --- the view ------------------------------------------------------------------------------------------- */

  const build = () => {
    const view = $('view-scatter');
    const columns = numbers();
    if (!columns.length) {
      view.append(
        el(
          'div',
          { class: 'empty' },
          el('h2', {}, 'Nothing to plot'),
          el('p', {}, 'No figure differs from asset to asset.'),
        ),
      );
      return;
    }
    const picker = (name, text, list, extra) => {
      const select = el(
        'select',
        { id: `axis-${name}` },
        ...extra,
        ...list.map((column) => el('option', { value: column.key }, column.label)),
      );
      select.addEventListener('change', () => app.setAxes({ [name]: select.value }));
      parts[name] = select;
      return el('label', { class: 'field' }, text, ' ', select);
    };
    const swap = () => {
      const { x, y } = axes();
      app.setAxes({ x: y.key, y: x.key });
    };
    const colored = [...app.columns.values()].filter((column) => column.varies);
    const part = (name, node) => (parts[name] = node);
    view.append(
      el(
        'div',
        { class: 'bar' },
        part('summary', el('p', { class: 'summary', role: 'status' })),
        el(
          'div',
          { class: 'tools' },
          picker('x', 'Across', columns, []),
          el(
            'button',
            { class: 'icon framed', 'aria-label': 'Swap the axes', title: 'Swap the axes', onclick: swap },
            app.icon('swap'),
          ),
          picker('y', 'Up', columns, []),
          picker('color', 'Color', colored, [el('option', { value: 'none' }, 'One color')]),
        ),
      ),
      el(
        'div',
        { class: 'chart' },
        el(
          'div',
          { class: 'chart-head' },
          part('upLabel', el('span', { class: 'axis' })),
          part('legend', el('div', { class: 'legend' })),
        ),
        part(
          'plot',
          el(
            'div',
            { class: 'plot' },
            part('points', el('canvas', { class: 'points', 'aria-hidden': 'true' })),
            part('light', el('canvas', { class: 'light', tabindex: '0', role: 'application' })),
            part('tip', el('div', { class: 'tip', role: 'status', hidden: true })),
          ),
        ),
      ),
      el('p', { class: 'hint' }, 'Drag to filter by both figures, click a point to enlarge it.'),
    );
    listen(parts.light);
    new ResizeObserver(draw).observe(parts.plot);
  };

  const update = () => {
    if (state.view !== 'scatter') return;
    if (!$('view-scatter').childElementCount) build();
    if (!parts.plot) return;
    const { x, y, color } = axes();
    parts.x.value = x.key;
    parts.y.value = y.key;
    parts.color.value = color ? color.key : 'none';
    const clear = app.filtered()
      ? [' · ', el('button', { class: 'link', onclick: app.clearFilters }, 'Clear filters')]
      : [];
    parts.summary.replaceChildren(
      el('b', {}, app.count(app.rows().length)),
      ` of ${app.plural(app.total, 'asset')}`,
      ...clear,
    );
    hovered = -1;
    parts.tip.hidden = true;
    draw();
  };

  app.on('view-scatter', update);
  app.on('rows', update);
  app.on('axes', update);
  app.on('theme', () => box && draw());
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => box && draw());
})(window.aigcGallery);
