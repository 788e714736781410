'use strict';
/* Starts the page when the index is there: reads it, draws the first view, listens to keys. */
((app) => {
  const { $, el, state } = app;

  const showView = () => {
    document.body.dataset.view = state.view;
    document.querySelectorAll('[role=tab]').forEach((tab) => {
      const chosen = tab.dataset.view === state.view;
      tab.setAttribute('aria-selected', String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      $(tab.getAttribute('aria-controls')).hidden = !chosen;
    });
    window.scrollTo(0, 0);
    app.emit(`view-${state.view}`);
  };

  const setTheme = (theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    app.emit('theme');
  };
  const toggleTheme = () => {
    const dark =
      (app.recall('theme', '') || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) ===
      'dark';
    app.remember('theme', dark ? 'light' : 'dark');
    setTheme(dark ? 'light' : 'dark');
  };

  const toggleFilters = () => {
    const narrow = matchMedia('(max-width: 860px)').matches;
    const shown = document.body.dataset.filters ? document.body.dataset.filters === 'shown' : !narrow;
    document.body.dataset.filters = shown ? 'hidden' : 'shown';
    $('toggle-filters').setAttribute('aria-expanded', String(!shown));
  };

  const help = () => {
    const keys = [
      ['← →', 'page; in the enlarged picture the previous or next asset'],
      ['Enter', 'enlarge the asset in focus'],
      ['Esc', 'close'],
      ['k  x', 'keep, reject'],
      ['o', 'show or hide the overlay, such as the winning path'],
      ['+  −  0', 'zoom in, out, as large as fits'],
      ['b', 'next background'],
      ['p', 'play or pause animations'],
      ['1  2  3', 'grid, scatter, failures'],
      ['/', 'find an id'],
      ['f', 'show or hide the filters'],
      ['t', 'light or dark'],
    ];
    const line = ([key, text]) => [
      el('dt', {}, ...key.split(/\s+/).map((one) => el('kbd', {}, one))),
      el('dd', {}, text),
    ];
    app.sheet('Keyboard', el('dl', { class: 'keys' }, ...keys.flatMap(line)));
  };

  /* --- keys ----------------------------------------------------------------------------------------------- */

  const typing = (node) => node.matches('input:not([type=range], [type=checkbox]), select, textarea');

  const markCard = (mark) => {
    const card = document.activeElement?.closest('.card') || document.querySelector('.card:hover');
    if (card) app.setMark(Number(card.dataset.i), mark);
  };

  const keys = {
    ArrowLeft: () => state.view === 'grid' && app.turn(-1),
    ArrowRight: () => state.view === 'grid' && app.turn(1),
    '/': () => $('search').focus(),
    '?': help,
    1: () => app.setView('grid'),
    2: () => app.setView('scatter'),
    3: () => app.setView('failures'),
    f: toggleFilters,
    t: toggleTheme,
    b: app.nextGround,
    p: app.toggleMotion,
    k: () => markCard('keep'),
    x: () => markCard('reject'),
  };

  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const arrows = event.key.startsWith('Arrow');
    if (typing(event.target) || (arrows && event.target.matches('input[type=range], [role=tab], canvas'))) {
      if (event.key === 'Escape') event.target.blur();
      return;
    }
    if ($('sheet').open) return;
    if ($('viewer').open) {
      if (app.viewerKey(event.key) || (event.key === 't' && (toggleTheme(), true))) event.preventDefault();
      return;
    }
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  };

  const tabKeys = (event) => {
    const tabs = [...document.querySelectorAll('[role=tab]')];
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const next = tabs[(tabs.indexOf(event.target) + by + tabs.length) % tabs.length];
    next.focus();
    app.setView(next.dataset.view);
  };

  /* --- start ---------------------------------------------------------------------------------------------- */

  const listen = () => {
    document.addEventListener('keydown', pressed);
    document.querySelector('.tabs').addEventListener('click', ({ target }) => {
      const tab = target.closest('[role=tab]');
      if (tab) app.setView(tab.dataset.view);
    });
    document.querySelector('.tabs').addEventListener('keydown', tabKeys);
    $('toggle-theme').addEventListener('click', toggleTheme);
    $('toggle-filters').addEventListener('click', toggleFilters);
    $('show-help').addEventListener('click', help);
    const find = app.framed(() => {
      state.query = $('search').value.trim();
      app.refilter();
    });
    $('search').addEventListener('input', find);
    $('sheet').addEventListener('click', (event) => event.target === $('sheet') && $('sheet').close());
    app.on('rows', () => {
      if (document.activeElement !== $('search')) $('search').value = state.query;
    });
    app.on('view', showView);
    app.on('restore', () => {
      app.refilter(true);
      showView();
    });
  };

  const begin = async () => {
    setTheme(app.recall('theme', ''));
    if (!app.index) {
      document.body.dataset.view = 'grid';
      $('grid').append(
        el(
          'div',
          { class: 'empty' },
          el('h2', {}, 'No data'),
          el(
            'p',
            {},
            'The folder gallery/ beside this page is missing or not whole. Build again, or run aigc gallery.',
          ),
        ),
      );
      return;
    }
    app.readIndex();
    app.loadMarks();
    app.start();
    $('search').value = state.query;
    await app.probeShape();
    app.emit('start');
    listen();
    showView();
    await app.ready;
    performance.mark('thumbnails');
    document.documentElement.dataset.ready = 'yes';
  };
  document.addEventListener('DOMContentLoaded', begin); // after all deferred scripts, so after the index
})(window.aigcGallery);
