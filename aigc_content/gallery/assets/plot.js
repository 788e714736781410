'use strict';
/* What a plot is made of: scales, ticks, colors, axes. */
((app) => {
  const { el } = app;
  const PAD = { left: 64, right: 24, top: 16, bottom: 44 };
  const COLORS = 8; // of words, in order of first occurrence
  const RAMP = 12; // steps of a color scale
  const FEW = 40;

  /** How evenly a figure fills its histogram, in bits: what tells the assets apart. */
  const variety = (column) => {
    const all = column.values.length - column.missing;
    let bits = 0;
    for (const count of column.histogram) if (count) bits -= (count / all) * Math.log2(count / all);
    return bits + (column.group === 'metrics' ? 100 : 0);
  };

  const ticks = (low, high, most, whole) => {
    const raw = (high - low) / Math.max(1, most);
    const power = 10 ** Math.floor(Math.log10(raw));
    let step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
    if (whole) step = Math.max(1, step);
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k += 1)
      found.push(Number((k * step).toPrecision(12)));
    return found;
  };

  /** Whole numbers with few values would lie upon each other; their points are spread a little. */
  const spreads = (column) => column.whole && column.high - column.low <= FEW;

  const scale = (column, start, end) => {
    const margin = Math.max((column.high - column.low) * 0.03, spreads(column) ? 0.5 : 0);
    const low = column.low - margin;
    const high = column.high + margin;
    const to = (value) => start + ((value - low) / (high - low)) * (end - start);
    const from = (pixel) => low + ((pixel - start) / (end - start)) * (high - low);
    return { low, high, to, from };
  };

  const palette = () => {
    const style = getComputedStyle(document.body);
    const value = (name) => style.getPropertyValue(name).trim();
    // light-dark() resolves only on a real property, so each color is read from a swatch
    const swatch = el('i', { hidden: true });
    document.body.append(swatch);
    const read = (name) => {
      swatch.style.color = `var(${name})`;
      return getComputedStyle(swatch).color;
    };
    const found = {
      text: read('--faint'),
      line: read('--line'),
      ink: read('--ink'),
      accent: read('--accent'),
      ground: read('--panel'),
      out: read('--out'),
      series: Array.from({ length: COLORS }, (_, place) => read(`--series-${place + 1}`)),
      low: read('--ramp-low'),
      high: read('--ramp-high'),
      font: `12px ${value('--font')}`,
    };
    swatch.remove();
    return found;
  };

  const mix = (low, high, share) => {
    const read = (text) => text.match(/[\d.]+/g).map(Number);
    const [a, b] = [read(low), read(high)];
    return `rgb(${a
      .slice(0, 3)
      .map((value, k) => Math.round(value + (b[k] - value) * share))
      .join(',')})`;
  };

  /** Asset -> place of its color, and the colors. */
  const coloring = (column, colors) => {
    if (!column) return { of: () => 0, list: [colors.accent] };
    if (column.kind === 'words') return { of: (i) => Math.max(0, column.of[i]) % COLORS, list: colors.series };
    const list = Array.from({ length: RAMP }, (_, place) => mix(colors.low, colors.high, place / (RAMP - 1)));
    const span = column.high - column.low || 1;
    return {
      of: (i) =>
        Number.isNaN(column.values[i]) ? 0 : Math.round(((column.values[i] - column.low) / span) * (RAMP - 1)),
      list,
    };
  };

  /** How many pixels a point is moved: by chance to the eye, but always the same. */
  const spread = (column, to, i, salt) => {
    if (!spreads(column)) return 0;
    const room = Math.abs(to(column.low + 1) - to(column.low)) * 0.6;
    const chance = (Math.imul(i + 1 + salt, 0x9e3779b1) >>> 0) / 2 ** 32;
    return (chance - 0.5) * room;
  };

  const dot = (radius, color, dots) => {
    const sprite = el('canvas');
    sprite.width = sprite.height = Math.ceil((radius + 1) * 2 * dots);
    const pen = sprite.getContext('2d');
    pen.scale(dots, dots);
    pen.fillStyle = color;
    pen.beginPath();
    pen.arc(radius + 1, radius + 1, radius, 0, Math.PI * 2);
    pen.fill();
    return sprite;
  };

  const drawAxes = (pen, { x, y, width, height, colors, across, up }) => {
    pen.font = colors.font;
    pen.lineWidth = 1;
    pen.strokeStyle = colors.line;
    pen.fillStyle = colors.text;
    pen.textAlign = 'center';
    pen.textBaseline = 'top';
    for (const tick of ticks(across.low, across.high, (width - PAD.left - PAD.right) / 90, x.whole)) {
      const at = Math.round(across.to(tick)) + 0.5;
      pen.beginPath();
      pen.moveTo(at, PAD.top);
      pen.lineTo(at, height - PAD.bottom);
      pen.stroke();
      pen.fillText(app.number(tick), at, height - PAD.bottom + 9);
    }
    pen.textAlign = 'right';
    pen.textBaseline = 'middle';
    for (const tick of ticks(up.low, up.high, (height - PAD.top - PAD.bottom) / 60, y.whole)) {
      const at = Math.round(up.to(tick)) + 0.5;
      pen.beginPath();
      pen.moveTo(PAD.left, at);
      pen.lineTo(width - PAD.right, at);
      pen.stroke();
      pen.fillText(app.number(tick), PAD.left - 10, at);
    }
    pen.fillStyle = colors.ink;
    pen.textAlign = 'right';
    pen.textBaseline = 'bottom';
    pen.fillText(x.label, width - PAD.right, height - 2);
  };

  app.plot = { PAD, COLORS, variety, scale, spreads, spread, palette, coloring, dot, drawAxes };
})(window.aigcGallery);
