'use strict';
/* One asset enlarged: its picture at whole zoom with the overlay over it. */
((app) => {
  const { $, el, state } = app;
  const ZOOMS = [0.125, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32];
  const LARGEST = 16; // a sprite of 32 pixels need not fill a wall
  const parts = {};
  let shown = -1; // the asset in view
  let zoom = 0; // device pixels a pixel; 0: as large as fits
  let overlaid = false; // this asset has an overlay
  let layers = []; // of this asset, as far as they are known
  let opener = null;

  /* --- the picture ---------------------------------------------------------------------------------------- */

  const dots = () => window.devicePixelRatio || 1;

  /** The largest zoom that fits: a whole one, or for a picture larger than the stage whatever shows all of it. */
  const fitting = () => {
    const { clientWidth, clientHeight } = parts.stage;
    const room = Math.min(
      ((clientWidth - 32) * dots()) / parts.width,
      ((clientHeight - 100) * dots()) / parts.height,
    );
    return room >= 1 ? Math.min(Math.floor(room), LARGEST * dots()) : Math.max(room, 0.02);
  };

  const size = () => {
    if (!parts.width) return;
    const now = zoom || fitting();
    const scale = now / dots();
    parts.picture.style.width = `${parts.width * scale}px`;
    parts.picture.style.height = `${parts.height * scale}px`;
    parts.picture.classList.toggle('pixels', now >= 1 && !parts.vector);
    parts.percent.textContent = `${Math.round(scale * 100)}%`;
    parts.fit.setAttribute('aria-pressed', String(!zoom));
    parts.stage.classList.toggle(
      'pans',
      parts.stage.scrollWidth > parts.stage.clientWidth || parts.stage.scrollHeight > parts.stage.clientHeight,
    );
  };

  const setZoom = (value) => {
    const { stage } = parts;
    const [x, y] = [
      (stage.scrollLeft + stage.clientWidth / 2) / stage.scrollWidth,
      (stage.scrollTop + stage.clientHeight / 2) / stage.scrollHeight,
    ];
    zoom = value;
    size();
    stage.scrollTo(x * stage.scrollWidth - stage.clientWidth / 2, y * stage.scrollHeight - stage.clientHeight / 2); // the middle stays
  };

  const step = (by) => {
    const now = zoom || fitting();
    const next =
      by > 0 ? ZOOMS.find((value) => value > now + 0.001) : ZOOMS.findLast((value) => value < now - 0.001);
    if (next) setZoom(next);
  };

  const showOverlay = () => {
    const on = app.recall('overlay', true);
    parts.overlay.hidden = !overlaid || !on;
    parts.path.hidden = !overlaid;
    parts.path.setAttribute('aria-pressed', String(on));
  };

  const toggleOverlay = () => {
    if (!overlaid) return;
    app.remember('overlay', !app.recall('overlay', true));
    showOverlay();
  };

  const present = (i) => {
    const path = app.preview(i);
    const media = app.media(i);
    const { picture } = parts;
    parts.width = 0;
    parts.vector = media === 'image/svg+xml';
    parts.zooms.hidden = true;
    picture.className = 'picture';
    picture.removeAttribute('style');
    if (path === null || (!media.startsWith('image/') && media !== 'text/html')) {
      picture.replaceChildren(el('span', { class: 'nothing' }, 'No preview'));
      return;
    }
    if (media === 'text/html') {
      picture.classList.add('document');
      picture.replaceChildren(
        el('iframe', {
          src: app.href(path),
          sandbox: '',
          title: `Preview of ${app.id(i)}`,
          referrerpolicy: 'no-referrer',
        }),
      );
      return;
    }
    const img = el('img', { alt: `Preview of ${app.id(i)}`, draggable: 'false' });
    const placed = () => {
      if (shown !== i || parts.width) return;
      parts.width = img.naturalWidth || 300;
      parts.height = img.naturalHeight || 150;
      parts.zooms.hidden = false;
      size();
      const captions = app.captions(i, parts.width, parts.height);
      picture.replaceChildren(app.stilled(img, media), ...captions, parts.overlay);
      lay();
    };
    img.addEventListener('load', placed);
    img.addEventListener(
      'error',
      () => shown === i && picture.replaceChildren(el('span', { class: 'nothing' }, 'The picture is missing')),
    );
    img.src = app.href(path);
    if (img.complete && img.naturalWidth) placed();
  };

  const lay = () => parts.width && app.lay(parts.picture, layers, app.media(shown));

  const ahead = (i) => {
    if (i < 0) return;
    app.details(i).catch(() => {});
    if (app.preview(i) !== null && app.media(i).startsWith('image/')) new Image().src = app.href(app.preview(i));
  };

  /* --- opening, moving, closing --------------------------------------------------------------------------- */

  const showMark = () => {
    const mark = app.mark(shown);
    parts.keep.setAttribute('aria-pressed', String(mark === 'keep'));
    parts.reject.setAttribute('aria-pressed', String(mark === 'reject'));
  };

  const show = (i) => {
    shown = i;
    overlaid = false;
    layers = [];
    const place = app.position(i);
    const rows = app.rows();
    parts.name.textContent = app.id(i);
    parts.job.textContent = app.jobName(i);
    parts.where.textContent =
      place < 0 ? 'not among the filtered' : `${app.count(place + 1)} of ${app.count(rows.length)}`;
    parts.previous.disabled = place <= 0;
    parts.next.disabled = place < 0 || place + 1 >= rows.length;
    parts.overlay.removeAttribute('src');
    showOverlay();
    showMark();
    present(i);
    app.details(i).then(
      (details) => {
        if (shown !== i) return;
        overlaid = Boolean(details.overlay) && app.preview(i) !== null && app.media(i).startsWith('image/');
        if (overlaid)
          parts.overlay.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(details.overlay)}`;
        showOverlay();
        layers = details.layers;
        lay();
        const held = document.activeElement?.dataset.layer; // the focus stays on the layer of that name
        parts.about.replaceChildren(...app.composition(details, lay), ...app.about(i, details));
        const heir = held && parts.about.querySelector(`[data-layer="${CSS.escape(held)}"]`);
        if (held) (heir || parts.about).focus({ preventScroll: true });
      },
      () =>
        shown === i &&
        parts.about.replaceChildren(
          el('p', { class: 'faint' }, 'The data of this asset cannot be read; build the gallery anew.'),
        ),
    );
    if (place > 0) ahead(rows[place - 1]);
    if (place >= 0 && place + 1 < rows.length) ahead(rows[place + 1]);
  };

  const move = (by) => {
    const rows = app.rows();
    const place = app.position(shown) + by;
    if (app.position(shown) < 0 || place < 0 || place >= rows.length) return;
    const page = Math.floor(place / app.pageSize);
    if (page !== state.page) app.setPage(page);
    app.setOpen(app.id(rows[place]));
  };

  const button = (name, icon, title, call, text) =>
    el(
      'button',
      { class: text ? 'button' : 'icon', 'aria-label': name, title, onclick: call },
      app.icon(icon),
      text || null,
    );

  const build = () => {
    const viewer = $('viewer');
    const part = (name, node) => (parts[name] = node);
    part('overlay', el('img', { class: 'overlay', alt: 'Overlay', draggable: 'false' }));
    const mark = (name, icon, text, key) => {
      const node = button(text, icon, `${text} (${key})`, () => app.setMark(shown, name), text);
      node.classList.add('mark', name);
      return part(name, node);
    };
    viewer.append(
      el(
        'div',
        { class: 'theatre' },
        part('stage', el('div', { class: 'stage' }, part('picture', el('div', { class: 'picture' })))),
        part(
          'previous',
          el(
            'button',
            { class: 'side left', 'aria-label': 'Previous', title: 'Previous (←)', onclick: () => move(-1) },
            app.icon('left'),
          ),
        ),
        part(
          'next',
          el(
            'button',
            { class: 'side right', 'aria-label': 'Next', title: 'Next (→)', onclick: () => move(1) },
            app.icon('right'),
          ),
        ),
        el(
          'div',
          { class: 'dock', role: 'toolbar', 'aria-label': 'Picture' },
          part(
            'zooms',
            el(
              'div',
              { class: 'zooms' },
              button('Smaller', 'minus', 'Smaller (−)', () => step(-1)),
              part('percent', el('output', { 'aria-label': 'Zoom' })),
              button('Larger', 'plus', 'Larger (+)', () => step(1)),
              part(
                'fit',
                button('Fit', 'fit', 'As large as fits (0)', () => setZoom(0)),
              ),
            ),
          ),
          app.swatches(),
          app.motionButton('icon'),
          part('path', button('Overlay', 'path', 'Show or hide the overlay (o)', toggleOverlay, 'Overlay')),
          mark('keep', 'heart', 'Keep', 'k'),
          mark('reject', 'cross', 'Reject', 'x'),
        ),
      ),
      el(
        'aside',
        { class: 'sheet-side', 'aria-label': 'About this asset' },
        el(
          'header',
          {},
          el(
            'div',
            {},
            part('name', el('h2', {})),
            el(
              'p',
              {},
              part('job', el('span', { class: 'tag' })),
              ' ',
              part('where', el('span', { class: 'faint' })),
            ),
          ),
          button('Close', 'cross', 'Close (Esc)', () => viewer.close()),
        ),
        part(
          'about',
          el('div', { class: 'about', tabindex: '0', role: 'region', 'aria-label': 'Figures and files' }),
        ),
      ),
    );
    viewer.addEventListener('close', () => {
      shown = -1;
      app.setOpen('');
      opener?.focus({ preventScroll: true });
    });
    new ResizeObserver(app.framed(() => shown >= 0 && !zoom && size())).observe(parts.stage);
    drag(parts.stage);
  };

  /** A picture larger than the stage is moved by dragging. */
  const drag = (stage) => {
    let from = null;
    stage.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || event.pointerType !== 'mouse' || !stage.classList.contains('pans')) return;
      from = { x: event.clientX + stage.scrollLeft, y: event.clientY + stage.scrollTop };
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener(
      'pointermove',
      (event) => from && stage.scrollTo(from.x - event.clientX, from.y - event.clientY),
    );
    ['pointerup', 'pointercancel'].forEach((name) => stage.addEventListener(name, () => (from = null)));
    stage.addEventListener('dblclick', () => setZoom(zoom ? 0 : Math.max(1, Math.floor(fitting()) + 1)));
  };

  const follow = () => {
    const viewer = $('viewer');
    const i = state.open ? app.places.get(state.open) : -1;
    if (i < 0) {
      if (viewer.open) viewer.close();
      return;
    }
    if (!viewer.childElementCount) build();
    if (!viewer.open) {
      opener = document.activeElement;
      zoom = 0;
      app.allLayers();
      viewer.showModal();
      viewer.focus({ preventScroll: true });
    }
    if (i !== shown) {
      parts.about.scrollTop = 0;
      show(i);
      opener = app.cardAt(i)?.querySelector('.open') || opener; // closing leaves the focus where the eye is
    }
  };

  /** The viewer's keys; true when it took one. */
  app.viewerKey = (key) => {
    if (shown < 0) return false;
    const calls = {
      ArrowLeft: () => move(-1),
      ArrowRight: () => move(1),
      '+': () => step(1),
      '=': () => step(1),
      '-': () => step(-1),
      0: () => setZoom(0),
      o: toggleOverlay,
      k: () => app.setMark(shown, 'keep'),
      x: () => app.setMark(shown, 'reject'),
      b: app.nextGround,
      p: app.toggleMotion,
    };
    if (!Object.hasOwn(calls, key)) return false;
    calls[key]();
    return true;
  };

  app.on('open', follow);
  app.on('start', follow);
  app.on('restore', follow);
  app.on('marks', () => shown >= 0 && showMark());
  app.on('motion', () => shown >= 0 && present(shown));
})(window.aigcGallery);
