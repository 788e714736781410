'use strict';
/* The grid of thumbnails, its pages and its toolbar. */
((app) => {
  const { $, el, state } = app;
  const AIR = 24; // pixels that a small picture leaves free around it
  let seen = []; // the page's cards by place

  /* --- pictures ------------------------------------------------------------------------------------------- */

  /** Small pictures grow by whole steps of the screen's pixels and stay sharp; large ones shrink smoothly. */
  const fit = (picture) => {
    const box = picture.parentElement;
    const [width, height] = measure(picture);
    if (!box || !width) return;
    const dots = window.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = box;
    const room = Math.min((clientWidth * dots) / width, (clientHeight * dots) / height);
    const vector = picture.dataset.vector === 'yes';
    const asked = app.look.zoom * dots;
    const over = picture.nextElementSibling; // its captions: such a picture has air of its own
    const air = over ? 0 : AIR;
    const airy = Math.min(((clientWidth - air) * dots) / width, ((clientHeight - air) * dots) / height);
    let zoom = room >= 1 && !vector ? Math.max(1, Math.floor(airy + 0.001)) : room;
    if (asked && asked <= room) zoom = asked;
    for (const { style } of [picture, over].filter(Boolean)) {
      style.width = `${(width * zoom) / dots}px`;
      style.height = `${(height * zoom) / dots}px`;
    }
    picture.classList.toggle('pixels', room >= 1 && !vector);
  };

  /** Width and height of a picture in its own pixels; 0 while it loads. */
  const measure = (picture) =>
    picture.matches('img') ? [picture.naturalWidth, picture.naturalHeight] : [picture.width, picture.height];

  /** With a zoom of choice the cells grow until at least half of the page's pictures fit; larger ones stay whole. */
  const fitAll = app.framed(() => {
    const pictures = [...$('grid').querySelectorAll('.frame > img, .frame > canvas')];
    const widths = pictures.map((picture) => measure(picture)[0]).filter(Boolean);
    const middle = widths.sort((a, b) => a - b)[Math.floor(widths.length / 2)] || 0;
    $('grid').style.setProperty('--least', `${middle * app.look.zoom + AIR}px`);
    pictures.forEach(fit);
  });

  const note = (kind) => el('span', { class: 'nothing' }, kind);

  /** What shows asset `i` in little: a picture, a frame without rights, or a word. */
  app.thumbnail = (i, loading) => {
    const path = app.preview(i);
    if (path === null) return note('No preview');
    const media = app.media(i);
    if (media === 'text/html') {
      return el('iframe', {
        src: app.href(path),
        sandbox: '',
        tabindex: '-1',
        'aria-hidden': 'true',
        loading,
        referrerpolicy: 'no-referrer',
      });
    }
    if (!media.startsWith('image/')) return note(media);
    const img = el('img', {
      alt: '',
      decoding: 'async',
      loading,
      'data-vector': media === 'image/svg+xml' ? 'yes' : 'no',
    });
    img.addEventListener('load', () => {
      const picture = app.stilled(img, media);
      if (picture !== img) img.replaceWith(picture);
      picture.after(...app.captions(i, img.naturalWidth, img.naturalHeight));
      fit(picture);
      picture.classList.add('shown');
      if (app.look.zoom) fitAll();
    });
    img.addEventListener('error', () => img.replaceWith(note('Picture missing')));
    img.src = app.href(path);
    return img;
  };

  /** The shape of the cells, from the first pictures of the page: known before the grid is drawn, so nothing jumps. */
  app.probeShape = () => {
    const rows = app.rows();
    const paths = [];
    for (let place = 0; place < Math.min(rows.length, app.pageSize) && paths.length < 5; place += 12) {
      if ((app.media(rows[place]) || '').startsWith('image/') && app.preview(rows[place]) !== null)
        paths.push(app.preview(rows[place]));
    }
    const sizes = paths.map(
      (path) =>
        new Promise((resolve) => {
          const img = new Image();
          const late = setTimeout(() => resolve(null), 400);
          const done = (ratio) => {
            clearTimeout(late);
            resolve(ratio);
          };
          img.addEventListener('load', () => done(img.naturalWidth / img.naturalHeight));
          img.addEventListener('error', () => done(null));
          img.src = app.href(path);
        }),
    );
    return Promise.all(sizes).then((found) => {
      const ratios = found.filter(Boolean).sort((a, b) => a - b);
      const middle = ratios.length ? ratios[Math.floor(ratios.length / 2)] : 4 / 3;
      $('grid').style.setProperty('--shape', String(app.clamp(Number(middle.toFixed(3)), 0.75, 2)));
    });
  };

  /* --- cards ---------------------------------------------------------------------------------------------- */

  const markButton = (i, mark, icon, text) =>
    el(
      'button',
      {
        class: `mark ${mark}`,
        tabindex: '-1',
        'aria-label': `${text} ${app.id(i)}`,
        title: `${text} (${mark === 'keep' ? 'k' : 'x'})`,
        onclick: () => app.setMark(i, mark),
      },
      app.icon(icon),
    );

  const showMark = (card, i) => {
    const mark = app.mark(i);
    card.dataset.mark = mark;
    card.querySelector('.keep').setAttribute('aria-pressed', String(mark === 'keep'));
    card.querySelector('.reject').setAttribute('aria-pressed', String(mark === 'reject'));
    const state = mark ? (mark === 'keep' ? ', kept' : ', rejected') : '';
    card.querySelector('.open').setAttribute('aria-label', `Open ${app.id(i)}${state}`);
  };

  const card = (i, place) => {
    const node = el(
      'div',
      { class: 'card', role: 'listitem', 'data-i': i },
      el(
        'button',
        { class: 'open', onclick: () => app.setOpen(app.id(i)) },
        el('span', { class: 'frame' }, app.thumbnail(i, place < 24 ? 'eager' : 'lazy')),
      ),
      el(
        'div',
        { class: 'caption' },
        el('span', { class: 'name', title: app.id(i) }, app.id(i)),
        el('span', { class: 'figure' }),
      ),
      el(
        'div',
        { class: 'marks' },
        markButton(i, 'keep', 'heart', 'Keep'),
        markButton(i, 'reject', 'cross', 'Reject'),
      ),
    );
    showMark(node, i);
    return node;
  };

  /** Beside the name stands the figure that the grid is sorted by. */
  const showFigure = (node, i) => {
    const column = app.columns.get(state.sort);
    const figure = node.querySelector('.figure');
    figure.textContent = column && column !== app.jobs ? column.text(i) : '';
    figure.title = column ? column.label : '';
  };

  const empty = () => {
    if (app.total === 0) {
      const failed = app.index.failures.rows.length;
      const more = failed
        ? app.el(
            'button',
            { class: 'button', onclick: () => app.setView('failures') },
            `See ${app.plural(failed, 'failure')}`,
          )
        : null;
      return el(
        'div',
        { class: 'empty' },
        el('h2', {}, 'Nothing was made'),
        el('p', {}, 'This build has no accepted asset.'),
        more,
      );
    }
    return el(
      'div',
      { class: 'empty' },
      el('h2', {}, 'Nothing matches'),
      el('p', {}, `None of the ${app.plural(app.total, 'asset')} passes all filters.`),
      el('button', { class: 'button', onclick: app.clearFilters }, 'Clear the filters'),
    );
  };

  const pager = (box) => {
    const pages = app.pages();
    const step = (name, icon, by) =>
      el(
        'button',
        {
          class: 'icon framed',
          'aria-label': name,
          title: `${name} (${by < 0 ? '←' : '→'})`,
          disabled: state.page + by < 0 || state.page + by >= pages,
          onclick: () => turn(by, name),
        },
        app.icon(icon),
      );
    const number = el('input', {
      type: 'text',
      inputmode: 'numeric',
      'aria-label': `Page, of ${pages}`,
      value: state.page + 1,
      size: String(pages).length,
    });
    number.addEventListener('change', () => {
      const asked = Number.parseInt(number.value, 10);
      if (asked > 0) app.setPage(asked - 1);
      number.value = String(state.page + 1);
    });
    box.replaceChildren(
      step('Previous page', 'left', -1),
      el('span', { class: 'where' }, number, ` of ${app.count(pages)}`),
      step('Next page', 'right', 1),
    );
    box.hidden = box.classList.contains('foot') && pages === 1;
  };

  /** A page on or back; the focus stays on the button that was pressed, or on its twin at the end of the road. */
  const turn = (by, name) => {
    const box = document.activeElement?.closest('[data-pager]');
    app.setPage(state.page + by);
    if (!box) return;
    const button = box.querySelector(`[aria-label="${name}"]`);
    (button.disabled ? box.querySelector('button:not(:disabled)') : button)?.focus({ preventScroll: true });
  };
  app.turn = turn;

  const summary = () => {
    const rows = app.rows();
    const first = state.page * app.pageSize;
    const last = Math.min(rows.length, first + app.pageSize);
    const parts = rows.length
      ? [el('b', {}, `${app.count(first + 1)}–${app.count(last)}`), ` of ${app.count(rows.length)}`]
      : ['0'];
    if (app.filtered())
      parts.push(
        el('span', { class: 'faint' }, ` · ${app.count(app.total)} in all `),
        el('button', { class: 'link', onclick: app.clearFilters }, 'Clear filters'),
      );
    $('summary').replaceChildren(...parts);
  };

  const draw = () => {
    const rows = app.rows();
    const first = state.page * app.pageSize;
    const old = new Map(seen.map((node) => [Number(node.dataset.i), node])); // a card that stays does not blink
    seen = Array.from(rows.slice(first, first + app.pageSize), (i, place) => {
      const node = old.get(i) || card(i, place);
      showFigure(node, i);
      return node;
    });
    $('grid').replaceChildren(...(seen.length ? seen : [empty()]));
    $('grid').setAttribute('role', seen.length ? 'list' : 'presentation');
    summary();
    document.querySelectorAll('[data-pager]').forEach(pager);
    app.ready = settled();
  };

  /** When the pictures in sight of a new page are there. */
  const settled = () => {
    const images = seen.slice(0, 24).map((node) => node.querySelector('img'));
    return Promise.all(
      images
        .filter((img) => img && !img.complete)
        .map(
          (img) =>
            new Promise((resolve) => ['load', 'error'].forEach((event) => img.addEventListener(event, resolve))),
        ),
    );
  };

  const toTop = () => {
    const top = $('view-grid').getBoundingClientRect().top + window.scrollY - 56;
    if (window.scrollY > top) window.scrollTo(0, Math.max(0, top));
  };

  /* --- toolbar -------------------------------------------------------------------------------------------- */

  const fillSort = () => {
    const option = (value, text) => el('option', { value }, text);
    const group = (label, columns) => {
      const varied = columns.filter((column) => column.varies);
      return varied.length
        ? el('optgroup', { label }, ...varied.map((column) => option(column.key, column.label)))
        : null;
    };
    const jobs = app.jobs.varies ? [option('job', 'Job')] : [];
    $('sort').replaceChildren(
      option('', 'Plan order'),
      ...jobs,
      option('random', 'Shuffled'),
      ...[group('Metrics', app.metrics), group('Params', app.params), group('Build', app.made)].filter(Boolean),
    );
  };

  const showSort = () => {
    $('sort').value = state.sort;
    app.swapIcon($('direction'), state.descending ? 'down' : 'up');
    $('direction').setAttribute('aria-label', state.descending ? 'Descending' : 'Ascending');
  };

  const setSize = (size) => {
    $('grid').dataset.size = size;
    document
      .querySelectorAll('#sizes button')
      .forEach((button) => button.setAttribute('aria-pressed', String(button.dataset.size === size)));
  };

  app.on('start', () => {
    fillSort();
    showSort();
    setSize(['s', 'm', 'l'].includes(app.recall('size', 'm')) ? app.recall('size', 'm') : 'm');
    $('sort').addEventListener('change', () => {
      state.sort = $('sort').value;
      state.descending = Boolean(app.columns.get(state.sort)?.kind === 'number'); // the most first is what one looks for
      showSort();
      app.refilter();
    });
    $('direction').addEventListener('click', () => {
      state.descending = !state.descending;
      showSort();
      app.refilter();
    });
    $('sizes').addEventListener('click', ({ target }) => {
      const button = target.closest('button');
      if (!button) return;
      setSize(button.dataset.size);
      app.remember('size', button.dataset.size);
    });
    new ResizeObserver(fitAll).observe($('grid'));
    draw();
  });
  app.on('rows', () => {
    showSort();
    draw();
  });
  app.on('page', () => {
    draw();
    toTop();
  });
  app.on('zoom', fitAll);
  app.on('motion', () => {
    const held = document.activeElement?.closest('.card')?.dataset.i;
    seen = [];
    draw();
    if (held) app.cardAt(Number(held))?.querySelector('.open').focus({ preventScroll: true });
  });
  app.on('marks', (i) => {
    seen.forEach(
      (node) => (i === undefined || Number(node.dataset.i) === i) && showMark(node, Number(node.dataset.i)),
    );
  });
  app.cardAt = (i) => seen.find((node) => Number(node.dataset.i) === i);
})(window.aigcGallery);
