// The sign-up form for alerts in a page of the site: carried there from Assent's own page, of which it is the middle part.
//
// It runs inside a function of one argument, DATA (`api`, `language`, `rtl`, `again`, `css`). What is asked, checked, said and
// recorded is the server's task, word for word as on its page; here is no state, no choice and nothing about cookies. Whatever
// fails leaves the link that the site wrote into the place, or what the person typed.

const { api, language, rtl, again, css } = DATA;
const address = `${api}/alerts?lang=${language}`;

const rules = { createHTML: (text) => text };
let policy = rules;
try {
  policy = trustedTypes.createPolicy('assent-alerts', rules);
} catch {
  // The browser has no Trusted Types, or the page's rules do not name `assent-alerts`.
}

// The size that the person chose, whatever the page makes of `rem`.
try {
  CSS.registerProperty({ name: '--assent-rem', syntax: '<length>', inherits: true, initialValue: '16px' });
} catch {
  // There already, or an older browser, where sizes follow the text around them.
}

const sheet = new CSSStyleSheet();
let styled;
const style = async () => sheet.replaceSync(await (await fetch(css)).text());

const made = (name, className, ...children) => {
  const element = Object.assign(document.createElement(name), { className });
  element.append(...children);
  return element;
};

// The middle of one of Assent's pages, whatever the status; nothing when the answer is none.
const middle = async (request, options) => {
  // Who waits for nothing is told, and may press again.
  const answer = await fetch(request, { credentials: 'include', signal: AbortSignal.timeout(30000), ...options });
  const page = new DOMParser().parseFromString(policy.createHTML(await answer.text()), 'text/html');
  const main = page.getElementById('main');
  // A page about something else: of an error, say.
  if (!main?.querySelector('form.sign-up, [role=status]')) throw new TypeError(`assent: ${answer.status}`);
  main.querySelector('.back')?.remove();
  // The page around has a main part and a heading of its own.
  const heading = main.querySelector('h1');
  heading.replaceWith(made('h2', '', ...heading.childNodes));
  return made('div', 'middle', ...main.childNodes);
};

const begin = async (place) => {
  let main, root;
  try {
    [main] = await Promise.all([middle(address), (styled ||= style())]);
    // The script may be there twice.
    if (place.shadowRoot) return;
    root = place.attachShadow({ mode: 'open' });
  } catch (error) {
    // The link in the place still leads to the form.
    console.error(error);
    return;
  }
  root.adoptedStyleSheets = [sheet];
  const show = (next) => {
    next.lang = language;
    next.dir = rtl ? 'rtl' : 'ltr';
    root.replaceChildren(next);
  };
  show(main);

  let sending = false;
  root.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    const form = event.target;
    form.ariaBusy = 'true';
    try {
      const body = new URLSearchParams(new FormData(form));
      show(await middle(`${address}&in=page`, { method: 'POST', body }));
      // What came of it; WebKit does not scroll to what it focuses in a page that just became shorter.
      const region = root.querySelector('[autofocus]');
      region?.focus();
      region?.scrollIntoView({ block: 'nearest' });
    } catch (error) {
      console.error(error);
      // The same key is sent again: what was taken although no answer came is taken once.
      let said = root.getElementById('again');
      if (!said) {
        said = made('p', 'field-error');
        said.id = 'again';
        said.setAttribute('role', 'alert');
        form.append(said);
      }
      said.textContent = again;
    }
    form.ariaBusy = 'false';
    sending = false;
  });
  // Addresses of parts of a page do not reach into a shadow root.
  root.addEventListener('click', (event) => {
    const target = event.target.closest('a[href^="#"]');
    const field = target && root.getElementById(target.getAttribute('href').slice(1));
    if (!field) return;
    event.preventDefault();
    field.focus();
  });
};

const begun = new WeakSet();
const look = () => {
  for (const place of document.querySelectorAll('[data-assent=alerts]')) {
    if (begun.has(place)) continue;
    begun.add(place);
    begin(place);
  }
};
new MutationObserver(look).observe(document, { childList: true, subtree: true });
look();
