'use strict';
/* The side panel: jobs and marks as chips, each number as a histogram with two handles, each word metric as chips. */
((app) => {
  const { $, el, svg, state } = app;
  const STEPS = 400;
  const FEW = 12; // chips shown before "more"
  const updates = []; // functions that bring the panel up to date

  /** A filter under its name; `ends` stands at the right of the name. */
  const section = (column, ends, ...content) => {
    const reset = el(
      'button',
      {
        class: 'icon reset',
        hidden: true,
        'aria-label': `Clear the filter on ${column.label}`,
        title: 'Clear this filter',
        onclick: () => app.clearColumn(column.key),
      },
      app.icon('cross'),
    );
    const missing = column.missing ? `, ${app.plural(column.missing, 'asset')} without it` : '';
    const box = el(
      'section',
      { class: 'filter', 'data-key': column.key },
      el('header', {}, el('h3', { title: column.name + missing }, column.label), reset, ends),
      ...content,
    );
    updates.push(() => {
      const active = state.ranges.has(column.key) || state.words.has(column.key);
      reset.hidden = !active;
      box.classList.toggle('active', active);
      box.hidden =
        !active &&
        state.jobs.size > 0 &&
        !app.jobs.words.some((job, place) => state.jobs.has(job) && column.inJobs[place]);
    });
    return box;
  };

  /* --- numbers -------------------------------------------------------------------------------------------- */

  /** Bars of a histogram as one path in a box of bins x 100; a bar that stands for anything is at least a hair high. */
  app.bars = (counts, highest) => {
    let path = '';
    counts.forEach((count, place) => {
      if (!count) return;
      const height = Math.max(4, (count / highest) * 100);
      path += `M${place + 0.06} 100v${(-height).toFixed(1)}h.88V100z`;
    });
    return path;
  };

  const histogram = (column) => {
    const highest = Math.max(...column.histogram);
    const all = svg('path', { class: 'all', d: app.bars(column.histogram, highest) });
    const some = svg('path', { class: 'some', d: '' });
    const picture = svg(
      'svg',
      {
        class: 'histogram',
        viewBox: `0 0 ${column.bins} 100`,
        preserveAspectRatio: 'none',
        'aria-hidden': 'true',
      },
      all,
      some,
    );
    updates.push((rows) => {
      // what passes stands in its own scale, before all in theirs: the shapes are to be compared, not the heights
      const counts = rows.length === app.total ? null : column.count(rows);
      some.setAttribute('d', counts ? app.bars(counts, Math.max(1, ...counts)) : '');
      picture.classList.toggle('parted', Boolean(counts));
    });
    return picture;
  };

  const numberFilter = (column) => {
    const steps = column.whole && column.high - column.low <= STEPS ? column.high - column.low : STEPS;
    const toValue = (step) => {
      const value = column.low + (step / steps) * (column.high - column.low);
      return column.whole ? Math.round(value) : Number(value.toPrecision(4));
    };
    const toStep = (value) =>
      Math.round(((app.clamp(value, column.low, column.high) - column.low) / (column.high - column.low)) * steps);
    const slider = (name) =>
      el('input', { type: 'range', min: 0, max: steps, step: 1, 'aria-label': `${column.label}, ${name}` });
    const field = (name) =>
      el('input', {
        type: 'text',
        inputmode: 'decimal',
        'aria-label': `${column.label}, ${name}`,
        autocomplete: 'off',
      });
    const [low, high, from, to] = [slider('at least'), slider('at most'), field('at least'), field('at most')];
    const band = el('div', { class: 'band' });

    const range = () => state.ranges.get(column.key) || [column.low, column.high];
    const ask = app.framed((first, last) => app.setRange(column.key, first, last));
    const slid = (event) => {
      if (Number(low.value) > Number(high.value)) event.target.value = (event.target === low ? high : low).value;
      const [first, last] = [Number(low.value), Number(high.value)];
      ask(first === 0 ? column.low : toValue(first), last === steps ? column.high : toValue(last)); // rounding hides no end
    };
    const typed = () => {
      const value = (input, otherwise, now) => {
        if (input.value === app.number(now)) return now; // what is shown is rounded, what is meant is not
        const number = Number(input.value.replace(/[,\s]/g, ''));
        return input.value.trim() === '' || Number.isNaN(number) ? otherwise : number;
      };
      const [start, end] = range();
      const first = value(from, column.low, start);
      app.setRange(column.key, first, Math.max(first, value(to, column.high, end)));
    };
    const show = (input, value) => {
      input.value = app.number(value);
      input.style.width = `calc(${Math.max(2, input.value.length)}ch + 10px)`;
    };
    low.addEventListener('input', slid);
    high.addEventListener('input', slid);
    from.addEventListener('change', typed);
    to.addEventListener('change', typed);

    updates.push(() => {
      const [first, last] = range();
      low.value = toStep(first);
      high.value = toStep(last);
      low.setAttribute('aria-valuetext', app.number(toValue(low.value)));
      high.setAttribute('aria-valuetext', app.number(toValue(high.value)));
      show(from, Math.max(first, column.low));
      show(to, Math.min(last, column.high));
      band.style.left = `${(low.value / steps) * 100}%`;
      band.style.right = `${100 - (high.value / steps) * 100}%`;
      low.classList.toggle('front', Number(low.value) > steps / 2); // both handles at the right end: the low one can leave
    });
    return section(
      column,
      el('div', { class: 'ends' }, from, el('span', { 'aria-hidden': 'true' }, '–'), to),
      el('div', { class: 'range' }, histogram(column), el('div', { class: 'track' }, band, low, high)),
    );
  };

  /* --- words ---------------------------------------------------------------------------------------------- */

  const chip = (text, pressed, count, toggle) => {
    const number = el('span', { class: 'count' });
    const button = el(
      'button',
      { class: 'chip', 'aria-pressed': 'false', title: text, onclick: toggle },
      el('span', { class: 'text' }, text || '(empty)'),
      number,
    );
    updates.push((rows) => {
      button.setAttribute('aria-pressed', String(pressed()));
      number.textContent = app.count(count(rows));
    });
    return button;
  };

  const chips = (column, order, pressed, toggle, counts) => {
    const box = el('div', { class: 'chips' });
    const make = (place) =>
      chip(
        column.words[place],
        () => pressed(column.words[place]),
        (rows) => counts(rows)[place],
        () => toggle(column.words[place]),
      );
    box.append(...order.slice(0, FEW).map(make));
    if (order.length > FEW) {
      const more = el('button', { class: 'link' }, `${app.count(order.length - FEW)} more`);
      more.addEventListener('click', () => {
        more.replaceWith(...order.slice(FEW).map(make));
        update();
      });
      box.append(more);
    }
    return box;
  };

  /** Counts under the present filters, made once an update whatever the number of chips. */
  const counter = (column) => {
    let last = null;
    let found = column.histogram;
    return (rows) => {
      if (rows !== last) {
        last = rows;
        found = rows.length === app.total ? column.histogram : column.count(rows);
      }
      return found;
    };
  };

  const wordFilter = (column) => {
    const common =
      column.words.length > FEW
        ? [...column.sorted].sort((a, b) => column.histogram[b] - column.histogram[a])
        : column.sorted;
    const pressed = (word) => Boolean(state.words.get(column.key)?.has(word));
    return section(
      column,
      null,
      chips(column, common, pressed, (word) => app.toggleWord(column.key, word), counter(column)),
    );
  };

  const jobFilter = () => {
    const places = app.jobs.words.map((word, place) => place).filter((place) => app.jobs.histogram[place] > 0);
    if (places.length < 2) return null;
    const toggle = (job) => {
      if (!state.jobs.delete(job)) state.jobs.add(job);
      app.refilter();
    };
    const box = el('section', { class: 'filter' }, el('header', {}, el('h3', {}, 'Job')));
    box.append(
      chips(
        app.jobs,
        places,
        (job) => state.jobs.has(job),
        toggle,
        () => app.jobs.histogram,
      ),
    );
    return box;
  };

  const markFilter = () => {
    const names = { all: 'All', unmarked: 'Unmarked', kept: 'Kept', rejected: 'Rejected' };
    const buttons = Object.entries(names).map(([mark, text]) => {
      const number = el('span', { class: 'count' });
      const button = el(
        'button',
        {
          'aria-pressed': 'false',
          onclick: () => {
            state.mark = mark;
            app.refilter();
          },
        },
        text,
        number,
      );
      button.dataset.markFilter = mark;
      return { mark, button, number };
    });
    const count = () => {
      const counts = app.markCounts();
      for (const { mark, button, number } of buttons) {
        button.setAttribute('aria-pressed', String(state.mark === mark));
        number.textContent = mark === 'all' || mark === 'unmarked' ? '' : app.count(counts[mark]);
      }
    };
    updates.push(count);
    app.on('marks', count);
    return el(
      'section',
      { class: 'filter' },
      el(
        'div',
        { class: 'segments wide', role: 'group', 'aria-label': 'Marks' },
        ...buttons.map(({ button }) => button),
      ),
    );
  };

  /* --- the panel ------------------------------------------------------------------------------------------ */

  const update = () => {
    const rows = app.rows();
    updates.forEach((call) => call(rows));
  };

  const group = (title, columns) => {
    const varied = columns.filter(
      (column) => column.varies && (column.kind === 'number' ? column.high > column.low : true),
    );
    const fixed = columns.length - varied.length;
    if (!varied.length) return [];
    const note = fixed > 0 ? el('p', { class: 'faint same' }, `${app.count(fixed)} more, the same for all`) : null;
    return [
      el('h2', {}, title),
      ...varied.map((column) => (column.kind === 'number' ? numberFilter(column) : wordFilter(column))),
      note,
    ].filter(Boolean);
  };

  app.on('start', () => {
    $('filters').replaceChildren(
      el('h2', { class: 'offscreen' }, 'Filters'),
      ...[
        markFilter(),
        jobFilter(),
        ...group('Metrics', app.metrics),
        ...group('Params', app.params),
        ...group('Build', app.made),
      ].filter(Boolean),
    );
    update();
  });
  app.on('rows', update);
})(window.aigcGallery);
