// Each banner as its own documentation says to put it into a page, with the same question: statistics and advertisements,
// in English. Where a package comes as modules, it is bundled and minified. `find` gives the button that declines, wherever
// it is; `full` says that there are categories to choose from, and nothing else is needed for a whole consent dialogue.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const here = new URL('.', import.meta.url).pathname;
const modules = join(here, 'node_modules');
const file = (path) => readFileSync(join(modules, path));

const TITLE = 'May we count visits and show advertisements?';
const INTRO =
  'We would like to count which pages are read, and to let a partner choose advertisements by what you read here. Both are off until you agree.';
const STATISTICS = 'Counts which pages are read, so that we can write better ones.';
const ADVERTISEMENTS = 'Lets Billboard Exchange choose advertisements by the pages you read here.';

const bundle = (contents, loader = 'js') => {
  const { build } = require('esbuild');
  return build({
    stdin: { contents, loader, resolveDir: here },
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2020',
    jsx: 'automatic',
    outdir: 'out',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
  }).then(({ outputFiles }) =>
    Object.fromEntries(outputFiles.map(({ path, text }) => [path.split('.').pop(), text])),
  );
};

/** `{ web, assent }`: the folder with the built loader and widget, and the program that renders the embed. */
const ours = ({ web, assent }) => {
  const site = (...more) =>
    execFileSync(assent, ['site', 'embed', join(here, 'site.toml'), ...more], {
      env: { ...process.env, ASSENT_SERVER_WEB_DIR: web },
      maxBuffer: 1e8,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();
  // The page's own address is not known before it is served.
  const embed = site().replaceAll('http://bench.localhost:8700', '');
  const address = (pattern) => pattern.exec(embed)[0];
  return {
    name: 'assent',
    full: false,
    head: '<script async src="/v1/bench/embed.js"></script>',
    files: {
      '/v1/bench/embed.js': embed,
      [address(/\/v1\/bench\/layers\/[0-9a-f]+\.json/)]: site('--layers'),
      [address(/\/v1\/assets\/[0-9a-f]+\/assent\.js/)]: readFileSync(join(web, 'assent.js')),
      [address(/\/v1\/assets\/[0-9a-f]+\/assent_bg\.wasm/)]: readFileSync(join(web, 'assent_bg.wasm')),
    },
    find: `(window, document) => document.querySelector('#assent-choices')?.shadowRoot.querySelector('[data-act=reject-all]')`,
  };
};

export const contenders = async (options) => {
  const vanilla = await bundle(`
    import * as CookieConsent from 'vanilla-cookieconsent';
    CookieConsent.run({
      // A browser that a program drives counts as a bot, and would not be asked.
      hideFromBots: false,
      categories: { necessary: { enabled: true, readOnly: true }, analytics: {}, marketing: {} },
      language: { default: 'en', translations: { en: {
        consentModal: { title: ${JSON.stringify(TITLE)}, description: ${JSON.stringify(INTRO)},
          acceptAllBtn: 'Accept', acceptNecessaryBtn: 'Decline', showPreferencesBtn: 'Choose' },
        preferencesModal: { title: 'Your choices', acceptAllBtn: 'Accept', acceptNecessaryBtn: 'Decline', savePreferencesBtn: 'Save',
          closeIconLabel: 'Close', sections: [
            { title: 'Necessary', description: 'Always on.', linkedCategory: 'necessary' },
            { title: 'Website statistics', description: ${JSON.stringify(STATISTICS)}, linkedCategory: 'analytics' },
            { title: 'Advertisements', description: ${JSON.stringify(ADVERTISEMENTS)}, linkedCategory: 'marketing' },
          ] },
      } } },
    });`);
  const react = await bundle(
    `
    import '@c15t/react/styles.css';
    import { createRoot } from 'react-dom/client';
    import { ConsentBanner, ConsentDialog, ConsentManagerProvider } from '@c15t/react';
    const place = document.body.appendChild(document.createElement('div'));
    createRoot(place).render(
      <ConsentManagerProvider options={{ mode: 'offline', consentCategories: ['necessary', 'measurement', 'marketing'] }}>
        <ConsentBanner /><ConsentDialog />
      </ConsentManagerProvider>);`,
    'jsx',
  );
  // The core draws nothing: the smallest banner that its state can drive.
  const core = await bundle(`
    import { getOrCreateConsentRuntime } from 'c15t';
    const { consentStore } = getOrCreateConsentRuntime({ mode: 'offline', consentCategories: ['necessary', 'measurement', 'marketing'] });
    const banner = document.createElement('div');
    banner.id = 'core';
    banner.style.cssText = 'position:fixed;inset:auto 0 0;background:#fff;padding:20px;border-top:1px solid';
    banner.innerHTML = '<p>${INTRO}</p><button class=yes>Accept</button> <button class=no>Decline</button>';
    banner.querySelector('.yes').onclick = () => consentStore.getState().saveConsents('all');
    banner.querySelector('.no').onclick = () => consentStore.getState().saveConsents('necessary');
    const draw = ({ activeUI }) => activeUI == 'banner' ? document.body.append(banner) : banner.remove();
    draw(consentStore.getState());
    consentStore.subscribe(draw);`);

  return [
    { name: 'nothing', find: '() => undefined' },
    ...(options.assent ? [ours(options)] : []),
    {
      name: 'orejime',
      full: true,
      head: '<link rel="stylesheet" href="/c/orejime.css">',
      body: `<script>window.orejimeConfig = { privacyPolicyUrl: '/privacy', purposes: [
          { id: 'analytics', title: 'Website statistics', description: '${STATISTICS}', cookies: ['_wf_id'] },
          { id: 'marketing', title: 'Advertisements', description: '${ADVERTISEMENTS}', cookies: ['/^_bb/'] }] };</script>
        <script src="/c/orejime.js"></script>`,
      files: {
        '/c/orejime.js': file('orejime/dist/orejime-standard-en.js'),
        '/c/orejime.css': file('orejime/dist/orejime-standard.css'),
      },
      find: `(window, document) => document.querySelector('.orejime-Banner-declineButton')`,
    },
    {
      name: 'vanilla-cookieconsent',
      full: true,
      head: '<link rel="stylesheet" href="/c/vanilla.css"><script defer src="/c/vanilla.js"></script>',
      files: { '/c/vanilla.js': vanilla.js, '/c/vanilla.css': file('vanilla-cookieconsent/dist/cookieconsent.css') },
      find: `(window, document) => document.querySelector('#cc-main [data-role=necessary]')`,
    },
    {
      name: 'klaro',
      full: true,
      head: `<script defer src="/c/klaro-config.js"></script><script defer data-config="klaroConfig" src="/c/klaro.js"></script>`,
      files: {
        '/c/klaro.js': file('klaro/dist/klaro.js'),
        '/c/klaro-config.js': `window.klaroConfig = { lang: 'en', translations: { en: { privacyPolicyUrl: '/privacy',
            consentNotice: { description: ${JSON.stringify(INTRO)} },
            analytics: { description: ${JSON.stringify(STATISTICS)} }, marketing: { description: ${JSON.stringify(ADVERTISEMENTS)} },
            purposes: { analytics: 'Website statistics', marketing: 'Advertisements' } } },
          services: [{ name: 'analytics', purposes: ['analytics'] }, { name: 'marketing', purposes: ['marketing'] }] };`,
      },
      find: `(window, document) => document.querySelector('.klaro .cn-decline')`,
    },
    {
      name: 'tarteaucitron',
      full: true,
      head: `<script src="/c/t/tarteaucitron.min.js"></script><script>
        tarteaucitron.init({ privacyUrl: '/privacy', hashtag: '#tarteaucitron', cookieName: 'tarteaucitron', orientation: 'bottom', showAlertSmall: false,
          cookieslist: false, closePopup: false, showIcon: false, adblocker: false, DenyAllCta: true, AcceptAllCta: true, highPrivacy: true,
          handleBrowserDNTRequest: false, removeCredit: true, moreInfoLink: true, useExternalCss: false, useExternalJs: false, mandatory: true });
        (tarteaucitron.job = tarteaucitron.job || []).push('iframe', 'pixel');</script>`,
      files: {
        '/c/t/tarteaucitron.min.js': file('tarteaucitronjs/tarteaucitron.min.js'),
        '/c/t/tarteaucitron.services.min.js': file('tarteaucitronjs/tarteaucitron.services.min.js'),
        '/c/t/css/tarteaucitron.min.css': file('tarteaucitronjs/css/tarteaucitron.min.css'),
        '/c/t/lang/tarteaucitron.en.min.js': file('tarteaucitronjs/lang/tarteaucitron.en.min.js'),
      },
      find: `(window, document) => document.querySelector('#tarteaucitronAllDenied2')`,
    },
    {
      name: 'c15t-react',
      full: true,
      head: `${react.css ? '<link rel="stylesheet" href="/c/c15t-react.css">' : ''}<script defer src="/c/c15t-react.js"></script>`,
      files: { '/c/c15t-react.js': react.js, ...(react.css && { '/c/c15t-react.css': react.css }) },
      find: `(window, document) => document.querySelector('[data-testid=consent-banner-reject-button]')`,
    },
    {
      name: 'c15t-core',
      full: false,
      head: '<script defer src="/c/c15t.js"></script>',
      files: { '/c/c15t.js': core.js },
      find: `(window, document) => document.querySelector('#core .no')`,
    },
    {
      name: 'osano',
      full: false,
      head: '<link rel="stylesheet" href="/c/osano.css">',
      body: `<script src="/c/osano.js"></script><script>cookieconsent.initialise({ type: 'opt-in', revokable: true,
        content: { message: '${INTRO}', allow: 'Accept', deny: 'Decline', href: '/privacy' }, palette: { popup: { background: '#fff' }, button: { background: '#1d4f8f' } } })</script>`,
      files: {
        '/c/osano.js': file('cookieconsent/build/cookieconsent.min.js'),
        '/c/osano.css': file('cookieconsent/build/cookieconsent.min.css'),
      },
      find: `(window, document) => document.querySelector('.cc-window .cc-deny')`,
    },
    {
      name: 'cookies-eu-banner',
      full: false,
      head: '<style>#cookies-eu-banner{position:fixed;inset:auto 0 0;background:#fff;padding:20px;border-top:1px solid}</style>',
      body: `<template id="cookies-eu-banner-template"><div id="cookies-eu-banner">${INTRO}
          <button id="cookies-eu-reject">Decline</button><button id="cookies-eu-accept">Accept</button></div></template>
        <script src="/c/eu.js"></script><script>CookiesEuBanner.createCookiesBanner({ onAccept() {} })</script>`,
      files: { '/c/eu.js': file('cookies-eu-banner/dist/cookies-eu-banner.global.js') },
      find: `(window, document) => document.querySelector('#cookies-eu-reject')`,
    },
  ];
};
