'use strict';
/* Favorites and rejects: kept in this browser, taken away as a command or as lines of the recipe. */
((app) => {
  const NAMES = { keep: 'kept', reject: 'rejected' };
  let marks = new Map(); // id@digest -> {mark, id, job, digest}; a remade asset has another digest and no mark

  const keyOf = (i) => `${app.id(i)}@${app.index.items.digests[i]}`;
  app.mark = (i) => marks.get(keyOf(i))?.mark || '';

  app.loadMarks = () => {
    const stored = app.recall('marks', {});
    marks = new Map(Object.entries(stored && typeof stored === 'object' ? stored : {}));
  };

  const save = () => {
    if (!app.remember('marks', Object.fromEntries(marks)))
      app.toast('This browser keeps no marks: copy them before you leave');
  };

  /** Marks asset `i` as `keep` or `reject`; the same mark again takes it away. */
  app.setMark = (i, mark) => {
    const key = keyOf(i);
    if (app.mark(i) === mark) marks.delete(key);
    else marks.set(key, { mark, id: app.id(i), job: app.jobName(i), digest: app.index.items.digests[i] });
    save();
    app.emit('marks', i);
  };

  const counted = () => {
    const found = { keep: [], reject: [] };
    for (let i = 0; i < app.total; i += 1) {
      const mark = app.mark(i);
      if (mark) found[mark].push(i);
    }
    return found;
  };
  app.markCounts = () => {
    const { keep, reject } = counted();
    return {
      all: app.total,
      kept: keep.length,
      rejected: reject.length,
      unmarked: app.total - keep.length - reject.length,
    };
  };

  /* --- taking them away ----------------------------------------------------------------------------------- */

  const windows = /^\/[A-Za-z]:/.test(location.pathname);

  /** A word of a command line: in the shell's single quotes, on Windows in double ones, bare where neither is needed. */
  const quote = (text) => {
    if (/^[\w@%+=:,./-]+$/.test(text)) return text;
    return windows ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
  };

  /** The folder that this page lies in, as the shell needs it; `OUT` when the page came over a network. */
  const folder = () => {
    if (location.protocol !== 'file:') return 'OUT';
    const path = decodeURIComponent(location.pathname).replace(/\/[^/]*$/, '') || '/';
    return quote(windows ? path.slice(1) : path);
  };

  const keepCommand = (picked) => {
    const ids = picked.map((i) => quote(app.id(i)));
    const words = [folder(), ...ids].join(' ');
    const dashed = ids.some((id) => id.startsWith('-')); // such an id would be taken for an option
    return dashed ? `aigc keep --to kept -- ${words}` : `aigc keep ${words} --to kept`;
  };

  /** A job as the recipe writes it: `caves` for `caves[difficulty=0.4]` of a sweep. */
  const written = (job) => job.replace(/\[.*/s, '').replace(/\s+/g, ' ');

  /** `reject:` of each job. Digests name these very assets, those refused in earlier builds included. */
  const rejectLines = () => {
    const jobs = new Map();
    for (const { mark, id, job: name, digest } of marks.values()) {
      if (mark !== 'reject') continue;
      const job = written(name);
      if (!jobs.has(job)) jobs.set(job, new Map());
      jobs.get(job).set(digest || id, id);
    }
    const order = new Set([...app.jobs.words.map(written), ...jobs.keys()]);
    return [...order]
      .filter((job) => jobs.has(job))
      .map((job) => {
        const lines = [...jobs.get(job)].sort((a, b) => (a[1] < b[1] ? -1 : 1));
        const list = lines.map(([name, id]) => `      - ${JSON.stringify(name)}${name === id ? '' : `  # ${id}`}`);
        return [`    # job ${job}`, '    reject:', ...list].join('\n');
      })
      .join('\n');
  };

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = app.el('textarea', { class: 'offscreen', 'aria-hidden': 'true' });
      area.value = text;
      (app.$('sheet').open ? app.$('sheet') : document.body).append(area);
      area.select();
      const done = document.execCommand('copy');
      area.remove();
      return done;
    }
  };

  const take = async (heading, hint, text) => {
    const status = app.el('p', { class: 'copied', role: 'status' });
    const box = app.el('pre', { tabindex: '0', 'aria-label': heading }, text);
    const tell = (done) => {
      status.replaceChildren(
        ...(done ? [app.icon('check'), 'Copied to the clipboard'] : ['Select the text and copy it']),
      );
      if (!done) getSelection().selectAllChildren(box);
    };
    app.sheet(
      heading,
      app.el('p', {}, hint),
      box,
      app.el(
        'div',
        { class: 'actions' },
        status,
        app.el(
          'button',
          { class: 'button', onclick: async () => tell(await copy(text)) },
          app.icon('copy'),
          'Copy again',
        ),
        app.el('button', { class: 'button primary', onclick: () => app.$('sheet').close() }, 'Done'),
      ),
    );
    tell(await copy(text));
  };

  app.takeKept = () => {
    const { keep } = counted();
    take(
      `Keep ${app.plural(keep.length, 'asset')}`,
      'Run this where your recipe lies. It makes the favorites source files of your own, in the folder after --to, outside the build.',
      keepCommand(keep),
    );
  };
  app.takeRejected = () =>
    take(
      'Draw the rejects anew',
      'Add these lines to each job in the recipe, below what it rejects already, and build again: new assets take their places, all others stay as they are.',
      rejectLines(),
    );

  /** A small dialog with a heading. */
  app.sheet = (heading, ...content) => {
    const sheet = app.$('sheet');
    const close = app.el(
      'button',
      { class: 'icon', 'aria-label': 'Close', onclick: () => sheet.close() },
      app.icon('cross'),
    );
    sheet.setAttribute('aria-label', heading);
    sheet.replaceChildren(app.el('header', {}, app.el('h2', {}, heading), close), ...content);
    if (!sheet.open) sheet.showModal();
  };

  /** The bar at the foot that counts the marks. */
  const show = () => {
    const { keep, reject } = counted();
    const old = [...marks.values()].filter(({ mark }) => mark === 'reject').length - reject.length;
    const bar = app.$('picks');
    bar.hidden = !keep.length && !reject.length;
    const group = (name, icon, picked, text, call) =>
      picked.length > 0 &&
      app.el(
        'div',
        { class: `pick ${name}` },
        app.el(
          'span',
          { class: 'tally' },
          app.icon(icon),
          app.el('b', {}, app.count(picked.length)),
          ` ${NAMES[name]}`,
        ),
        app.el('button', { class: 'button', onclick: call }, app.icon('copy'), text),
      );
    const parts = [
      group('keep', 'heart', keep, 'Copy keep command', app.takeKept),
      group('reject', 'cross', reject, 'Copy reject list', app.takeRejected),
    ].filter(Boolean);
    const focused = bar.contains(document.activeElement);
    bar.replaceChildren(
      ...parts,
      app.el('button', { class: 'button quiet', onclick: clear, title: 'Take every mark away' }, 'Clear'),
    );
    if (old > 0) bar.querySelector('.reject .tally')?.append(` (+${app.count(old)} earlier)`);
    if (focused) bar.querySelector('button')?.focus();
  };

  const clear = () => {
    const before = marks;
    marks = new Map();
    save();
    app.emit('marks');
    app.sheet(
      'All marks are gone',
      app.el('p', {}, `${app.plural(before.size, 'mark')} taken away.`),
      app.el(
        'div',
        { class: 'actions' },
        app.el(
          'button',
          {
            class: 'button',
            onclick: () => {
              marks = before;
              save();
              app.emit('marks');
              app.$('sheet').close();
            },
          },
          'Undo',
        ),
        app.el('button', { class: 'button primary', onclick: () => app.$('sheet').close() }, 'Done'),
      ),
    );
  };

  app.on('marks', show);
  app.on('start', show);
  window.addEventListener('storage', (event) => {
    if (!event.key || !event.key.endsWith(':marks')) return;
    app.loadMarks(); // another tab marked something
    app.emit('marks');
  });
})(window.aigcGallery);
