'use strict';
/* What is shown: filters, order, page and view; kept in the address, so that a link or a reload shows the same. */
((app) => {
  const PAGE = 60;
  const VIEWS = ['grid', 'scatter', 'failures'];
  const fresh = () => ({
    view: 'grid',
    query: '',
    jobs: new Set(),
    mark: 'all',
    ranges: new Map(), // column key -> [low, high]
    words: new Map(), // column key -> Set of words
    sort: '',
    descending: false,
    page: 0,
    x: '',
    y: '',
    color: '',
    open: '',
  });
  const state = fresh();
  app.state = state;
  app.pageSize = PAGE;

  /* --- the address ---------------------------------------------------------------------------------------- */

  const finite = (text) => (text === '' || !Number.isFinite(Number(text)) ? null : Number(text));

  app.readHash = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    Object.assign(state, fresh());
    const known = (name) => (app.columns.has(asked.get(name)) ? asked.get(name) : '');
    if (VIEWS.includes(asked.get('view'))) state.view = asked.get('view');
    state.query = asked.get('q') || '';
    if (['kept', 'rejected', 'unmarked'].includes(asked.get('mark'))) state.mark = asked.get('mark');
    const jobs = new Set(app.jobs.words);
    asked.getAll('job').forEach((job) => jobs.has(job) && state.jobs.add(job));
    for (const [name, value] of asked) {
      const column = app.columns.get(name.slice(2));
      if (!column) continue;
      if (name.startsWith('r.') && column.kind === 'number') {
        const [low, high] = value.split('..').map(finite);
        if (high !== undefined)
          state.ranges.set(column.key, [low === null ? -Infinity : low, high === null ? Infinity : high]);
      }
      if (name.startsWith('w.') && column.kind === 'words' && column.words.includes(value)) {
        if (!state.words.has(column.key)) state.words.set(column.key, new Set());
        state.words.get(column.key).add(value);
      }
    }
    const sort = asked.get('sort') || '';
    state.descending = sort.startsWith('-');
    const key = sort.replace(/^-/, '');
    state.sort = app.columns.has(key) || key === 'random' ? key : '';
    if (state.sort !== key) state.descending = false;
    state.page = Math.max(0, (Number.parseInt(asked.get('page'), 10) || 1) - 1);
    state.x = known('x');
    state.y = known('y');
    state.color = asked.get('color') === 'none' ? 'none' : known('color');
    state.open = app.places.has(asked.get('open')) ? asked.get('open') : '';
  };

  const writeHash = () => {
    const parts = new URLSearchParams();
    if (state.view !== 'grid') parts.set('view', state.view);
    if (state.query) parts.set('q', state.query);
    if (state.mark !== 'all') parts.set('mark', state.mark);
    state.jobs.forEach((job) => parts.append('job', job));
    const bound = (value) => (Number.isFinite(value) ? String(value) : '');
    state.ranges.forEach(([low, high], key) => parts.set(`r.${key}`, `${bound(low)}..${bound(high)}`));
    state.words.forEach((words, key) => words.forEach((word) => parts.append(`w.${key}`, word)));
    if (state.sort) parts.set('sort', (state.descending ? '-' : '') + state.sort);
    if (state.page) parts.set('page', String(state.page + 1));
    for (const name of ['x', 'y', 'color', 'open']) if (state[name]) parts.set(name, state[name]);
    return parts.toString();
  };

  let written = '';
  const address = (push) => {
    const hash = writeHash();
    if (hash === location.hash.slice(1)) return;
    written = hash;
    try {
      history[push ? 'pushState' : 'replaceState'](null, '', `#${hash}`);
    } catch {
      location.replace(`#${hash}`); // a browser that allows no history on file://
    }
  };

  window.addEventListener('popstate', () => {
    if (location.hash.slice(1) === written && written === writeHash()) return;
    app.readHash();
    app.emit('restore');
  });

  /* --- what passes the filters, in order ------------------------------------------------------------------ */

  let rows = new Uint32Array(0);
  let positions = null; // asset -> place in rows, made when asked for

  /** The assets that pass every filter, in the chosen order. */
  app.rows = () => rows;
  app.position = (i) => {
    if (!positions) positions = new Map([...rows].map((row, place) => [row, place]));
    return positions.has(i) ? positions.get(i) : -1;
  };
  app.pages = () => Math.max(1, Math.ceil(rows.length / PAGE));
  app.filtered = () =>
    Boolean(state.query || state.jobs.size || state.mark !== 'all' || state.ranges.size || state.words.size);

  const tests = () => {
    const found = [];
    if (state.jobs.size) {
      const wanted = app.jobs.words.map((job) => state.jobs.has(job));
      found.push((i) => wanted[app.jobs.of[i]]);
    }
    if (state.query) {
      const text = state.query.toLowerCase();
      found.push((i) => app.id(i).toLowerCase().includes(text));
    }
    if (state.mark !== 'all') {
      const wanted = { kept: 'keep', rejected: 'reject', unmarked: '' }[state.mark];
      found.push((i) => app.mark(i) === wanted);
    }
    state.ranges.forEach(([low, high], key) => {
      const { values } = app.columns.get(key);
      found.push((i) => values[i] >= low && values[i] <= high);
    });
    state.words.forEach((words, key) => {
      const column = app.columns.get(key);
      const wanted = column.words.map((word) => words.has(word));
      found.push((i) => column.of[i] >= 0 && wanted[column.of[i]]);
    });
    return found;
  };

  /** An order that looks drawn at random and is the same each time. */
  const scattered = (i) => Math.imul((i + 1) ^ ((i + 1) >>> 7), 0x9e3779b1) >>> 0;

  const select = () => {
    const asked = tests();
    const found = [];
    for (let i = 0; i < app.total; i += 1) if (asked.every((test) => test(i))) found.push(i);
    if (state.sort) {
      const column = app.columns.get(state.sort);
      const values = Float64Array.from(found, column ? (i) => column.order(i) : scattered);
      const sign = state.descending ? -1 : 1;
      const order = found.map((row, place) => place);
      order.sort((a, b) => {
        const gap = values[a] - values[b];
        if (gap) return gap * sign;
        if (gap === 0) return a - b;
        return Number.isNaN(values[a]) - Number.isNaN(values[b]) || a - b; // not measured: last, either way
      });
      rows = Uint32Array.from(order, (place) => found[place]);
    } else {
      if (state.descending) found.reverse();
      rows = Uint32Array.from(found);
    }
    positions = null;
    state.page = app.clamp(state.page, 0, app.pages() - 1);
  };

  /* --- changing it ---------------------------------------------------------------------------------------- */

  /** Filters or order changed: choose again and show it. `keepPage` when the page must stay. */
  app.refilter = (keepPage) => {
    if (!keepPage) state.page = 0;
    select();
    address(false);
    app.emit('rows');
  };

  app.setRange = (key, low, high) => {
    const column = app.columns.get(key);
    if (low <= column.low && high >= column.high) state.ranges.delete(key);
    else state.ranges.set(key, [low, high]);
    app.refilter();
  };

  app.toggleWord = (key, word) => {
    const words = state.words.get(key) || new Set();
    if (!words.delete(word)) words.add(word);
    if (words.size) state.words.set(key, words);
    else state.words.delete(key);
    app.refilter();
  };

  app.clearColumn = (key) => {
    state.ranges.delete(key);
    state.words.delete(key);
    app.refilter();
  };

  app.clearFilters = () => {
    Object.assign(state, { query: '', jobs: new Set(), mark: 'all', ranges: new Map(), words: new Map() });
    app.refilter();
  };

  app.setPage = (page) => {
    const next = app.clamp(page, 0, app.pages() - 1);
    if (next === state.page) return;
    state.page = next;
    address(false);
    app.emit('page');
  };

  app.setView = (view) => {
    if (view === state.view) return;
    state.view = view;
    address(true);
    app.emit('view');
  };

  /** Opens an asset (or closes with ''); going back in the browser undoes the opening. */
  app.setOpen = (id) => {
    if (id === state.open) return;
    const push = !state.open && id;
    state.open = id;
    address(push);
    app.emit('open');
  };

  app.setAxes = (axes) => {
    Object.assign(state, axes);
    address(false);
    app.emit('axes');
  };

  app.start = () => {
    app.readHash();
    select();
  };
})(window.aigcGallery);
