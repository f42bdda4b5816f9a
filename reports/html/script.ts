/** What the page does beyond what it shows: copy a command, search the logs, open what a link leads to. */
export const script = `'use strict';
(() => {
  const open = (target) => {
    for (let element = target; element; element = element.parentElement) if (element.tagName === 'DETAILS') element.open = true;
  };
  const follow = () => {
    let name = location.hash.slice(1);
    try { name = decodeURIComponent(name); } catch { /* no code of a character, as in #100% */ }
    const target = document.getElementById(name);
    if (!target) return;
    open(target);
    target.scrollIntoView();
  };
  addEventListener('hashchange', follow);
  if (location.hash) follow();
  for (const link of document.querySelectorAll('a[href^="#"]')) link.addEventListener('click', () => { if (link.hash === location.hash) follow(); });

  const select = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };
  for (const button of document.querySelectorAll('button.copy')) {
    button.hidden = false;
    const label = button.firstChild;
    const source = button.parentElement.querySelector('pre');
    const said = button.parentElement.querySelector('[role=status]');
    button.addEventListener('click', async () => {
      let done = true;
      try {
        await navigator.clipboard.writeText(source.textContent);
      } catch {
        select(source);
        done = document.execCommand('copy');
      }
      label.nodeValue = done ? 'Copied' : 'Press Ctrl+C';
      said.textContent = done ? 'copied' : 'select the command and press Ctrl+C';
      setTimeout(() => { label.nodeValue = 'Copy'; }, 2000);
    });
  }

  const form = document.querySelector('form.search');
  if (!form) return;
  form.hidden = false;
  const input = document.getElementById('query');
  const found = document.getElementById('found');
  const hits = document.getElementById('hits');
  const most = 300;
  const logs = [...document.querySelectorAll('details.log')].flatMap((log) => {
    const text = log.querySelector('pre.text');
    return text ? [{ log, text, name: log.querySelector('.path').textContent }] : [];
  });
  const linesOf = (entry) => entry.lines ??= entry.text.textContent.split('\\n');
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const show = ({ log, text }, start, end) => {
    open(log);
    const range = document.createRange();
    range.setStart(text.firstChild, start);
    range.setEnd(text.firstChild, end);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    text.focus({ preventScroll: true });
    const line = range.getBoundingClientRect();
    text.scrollTop += line.top - text.getBoundingClientRect().top - text.clientHeight / 3;
    text.scrollIntoView({ block: 'center' });
  };
  const search = () => {
    const wanted = input.value.trim().toLowerCase();
    hits.replaceChildren();
    if (wanted.length < 2) {
      found.textContent = wanted ? 'Two characters at least.' : '';
      return;
    }
    let total = 0, files = 0, shown = 0;
    for (const entry of logs) {
      let offset = 0, mine = 0;
      let list;
      for (const line of linesOf(entry)) {
        const at = line.toLowerCase().indexOf(wanted);
        const start = offset;
        offset += line.length + 1;
        if (at < 0) continue;
        total += 1;
        mine += 1;
        if (shown >= most) continue;
        shown += 1;
        if (!list) {
          hits.append(make('h3', 'hit-file', entry.name));
          list = make('ul', 'hit-lines');
          hits.append(list);
        }
        const from = Math.max(0, at - 80);
        const button = make('button', 'hit');
        button.type = 'button';
        button.append((from > 0 ? '…' : '') + line.slice(from, at), make('mark', '', line.slice(at, at + wanted.length)), line.slice(at + wanted.length, at + wanted.length + 160));
        button.addEventListener('click', () => { show(entry, start, start + line.length); });
        const item = make('li');
        item.append(button);
        list.append(item);
      }
      if (mine > 0) files += 1;
    }
    found.textContent = total === 0 ? 'No line has it.' : total + (total === 1 ? ' line' : ' lines') + ' in ' + files + (files === 1 ? ' log' : ' logs') + (total > shown ? ', the first ' + shown + ' are shown' : '');
  };
  let timer;
  input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(search, 120); });
  form.addEventListener('submit', (event) => { event.preventDefault(); search(); });
})();
`
