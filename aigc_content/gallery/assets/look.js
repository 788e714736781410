'use strict';
/* How all pictures are shown: the ground behind them, their zoom in the grid, whether they move; remembered. */
((app) => {
  const { $, el } = app;
  const GROUNDS = {
    plain: 'As the page',
    checker: 'Checkerboard',
    white: 'White',
    gray: 'Gray',
    black: 'Black',
    green: 'Green',
    blue: 'Blue',
  };
  const MOST = 8; // times as large as it is
  const ANIMATED = 'image/apng';
  const look = { zoom: 0, ground: 'plain', playing: true }; // zoom 0: as large as fits
  app.look = look;

  /* --- the ground ----------------------------------------------------------------------------------------- */

  const showGround = () => {
    document.documentElement.dataset.ground = look.ground;
    document
      .querySelectorAll('.swatch')
      .forEach((node) => node.setAttribute('aria-pressed', String(node.dataset.ground === look.ground)));
  };

  app.setGround = (name) => {
    look.ground = name;
    app.remember('ground', name);
    showGround();
  };

  app.nextGround = () => {
    const names = Object.keys(GROUNDS);
    app.setGround(names[(names.indexOf(look.ground) + 1) % names.length]);
    app.toast(`Background: ${GROUNDS[look.ground].toLowerCase()}`);
  };

  /** Buttons for the ground. */
  app.swatches = () =>
    el(
      'div',
      { class: 'swatches', role: 'group', 'aria-label': 'Background' },
      ...Object.entries(GROUNDS).map(([name, text]) =>
        el('button', {
          class: 'swatch',
          'data-ground': name,
          'aria-label': text,
          'aria-pressed': String(name === look.ground),
          title: `Background: ${text.toLowerCase()} (b)`,
          onclick: () => app.setGround(name),
        }),
      ),
    );

  /* --- motion --------------------------------------------------------------------------------------------- */

  /** Whether any picture of the build moves. */
  app.moves = () => app.index.items.medias.includes(ANIMATED);

  /** What to show of a loaded picture: itself, or its first frame while animations are paused. */
  app.stilled = (img, media) => {
    if (look.playing || media !== ANIMATED) return img;
    const still = el('canvas', {
      class: img.className,
      width: img.naturalWidth,
      height: img.naturalHeight,
      ...(img.alt ? { role: 'img', 'aria-label': img.alt } : {}),
    });
    still.getContext('2d').drawImage(img, 0, 0);
    return still;
  };

  const showMotion = () =>
    document.querySelectorAll('.motion').forEach((button) => {
      const text = look.playing ? 'Pause the animations' : 'Play the animations';
      app.swapIcon(button, look.playing ? 'pause' : 'play');
      button.setAttribute('aria-label', text);
      button.title = `${text} (p)`;
    });

  app.toggleMotion = () => {
    if (!app.moves()) return;
    look.playing = !look.playing;
    app.remember('playing', look.playing);
    showMotion();
    app.emit('motion');
  };

  /** The button that pauses all animations; nothing where nothing moves. */
  app.motionButton = (kind) => {
    if (!app.moves()) return null;
    const button = el('button', { class: `${kind} motion`, onclick: app.toggleMotion }, app.icon('pause'));
    queueMicrotask(showMotion); // when it is in the page
    return button;
  };

  /* --- the toolbar ---------------------------------------------------------------------------------------- */

  const fillZoom = () => {
    const select = $('zoom');
    const option = (value) => el('option', { value }, value ? `${value}×` : 'Fit');
    select.replaceChildren(...Array.from({ length: MOST + 1 }, (_, value) => option(value)));
    select.value = String(look.zoom);
    select.addEventListener('change', () => {
      look.zoom = Number(select.value);
      app.remember('zoom', look.zoom);
      app.emit('zoom');
    });
  };

  app.on('start', () => {
    const [zoom, ground] = [app.recall('zoom', 0), app.recall('ground', 'plain')];
    if (Number.isInteger(zoom) && zoom >= 0 && zoom <= MOST) look.zoom = zoom;
    if (Object.hasOwn(GROUNDS, ground)) look.ground = ground;
    look.playing = app.recall('playing', !matchMedia('(prefers-reduced-motion: reduce)').matches) === true;
    fillZoom();
    $('look').append(app.swatches(), app.motionButton('icon framed') || '');
    showGround();
  });
})(window.aigcGallery);
