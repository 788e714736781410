'use strict';
/* What could not be made, by constraint: the longest bar is what the recipe asks too much of. */
((app) => {
  const { $, el } = app;
  const FEW = 8; // messages, and slots a message, shown before "more"

  /** constraint -> {count, jobs: job -> count, messages: message -> slots} */
  const grouped = () => {
    const { rows, constraints, messages } = app.index.failures;
    const groups = new Map();
    for (const [job, index, constraint, message] of rows) {
      const name = constraints[constraint];
      if (!groups.has(name)) groups.set(name, { name, count: 0, jobs: new Map(), messages: new Map() });
      const group = groups.get(name);
      const jobName = app.index.jobs[job];
      group.count += 1;
      group.jobs.set(jobName, (group.jobs.get(jobName) || 0) + 1);
      const text = messages[message];
      if (!group.messages.has(text)) group.messages.set(text, []);
      group.messages.get(text).push(`${jobName} ${index}`);
    }
    return [...groups.values()].sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
  };

  const more = (box, items, make) => {
    box.append(...items.slice(0, FEW).map(make));
    if (items.length <= FEW) return box;
    const button = el('button', { class: 'link' }, `${app.count(items.length - FEW)} more`);
    button.addEventListener('click', () => button.replaceWith(...items.slice(FEW).map(make)));
    box.append(button);
    return box;
  };

  const message = ([text, slots]) =>
    el(
      'li',
      {},
      el(
        'p',
        {},
        text || 'No message.',
        slots.length > 1 ? el('span', { class: 'times' }, ` ×${app.count(slots.length)}`) : null,
      ),
      more(el('div', { class: 'slots' }), slots, (slot) => el('span', { class: 'slot' }, slot)),
    );

  const row = (group, highest, first) => {
    const bar = el('span', { class: 'fill' });
    bar.style.width = `${(group.count / highest) * 100}%`;
    const jobs = [...group.jobs].map(([job, count]) => `${job} ${app.count(count)}`).join(' · ');
    const messages = [...group.messages].sort((a, b) => b[1].length - a[1].length);
    return el(
      'details',
      { open: first },
      el(
        'summary',
        {},
        el('span', { class: 'what' }, el('b', {}, app.label(group.name)), el('span', { class: 'faint' }, jobs)),
        el('span', { class: 'length', 'aria-hidden': 'true' }, bar),
        el('span', { class: 'number' }, app.count(group.count)),
      ),
      more(el('ul', { class: 'messages' }), messages, message),
    );
  };

  app.on('start', () => {
    const failed = app.index.failures.rows.length;
    const count = $('failure-count');
    count.textContent = failed ? app.count(failed) : '';
    count.hidden = !failed;
    if (!failed) {
      $('view-failures').append(
        el(
          'div',
          { class: 'empty' },
          el('h2', {}, 'Nothing failed'),
          el('p', {}, `${app.plural(app.total, 'asset')} asked for, ${app.count(app.total)} made.`),
        ),
      );
      return;
    }
    const groups = grouped();
    const asked = failed + app.total;
    const share = (failed / asked) * 100;
    $('view-failures').append(
      el(
        'div',
        { class: 'failures' },
        el('h2', {}, `${app.count(failed)} of ${app.plural(asked, 'asset')} could not be made`),
        el(
          'p',
          { class: 'lead' },
          `${share < 0.1 ? 'Less than 0.1' : share.toFixed(1)} % failed. Each was tried as often as the recipe allows; below is the constraint that could not be met. Ask for less of it, or raise max_attempts.`,
        ),
        el('div', { class: 'rows' }, ...groups.map((group, place) => row(group, groups[0].count, place === 0))),
      ),
    );
  });
})(window.aigcGallery);
