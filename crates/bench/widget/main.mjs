// `cargo xtask bench widget`: our banner against others from npm, around the same page, in one Chromium. Each round takes
// every contender once in every profile, so that a machine that slows down slows all of them. Prints medians and ratios,
// and which bars are missed by how much; never fails on a figure.

import { parseArgs } from 'node:util';
import { readFileSync, writeFileSync } from 'node:fs';
import { start } from './chromium.mjs';
import { contenders } from './contenders.mjs';
import { serve } from './server.mjs';

const { values: options } = parseArgs({
  options: {
    chromium: { type: 'string' },
    assent: { type: 'string' },
    web: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    profiles: { type: 'string', default: '' },
    report: { type: 'string', default: '' },
  },
});

const kbit = (rate) => (rate * 1000) / 8;
const PROFILES = [
  { name: 'full speed', cpu: 1 },
  { name: '1.6 Mbps', cpu: 4, latency: 150, download: kbit(1600), upload: kbit(750) },
  { name: '400 kbps', cpu: 6, latency: 400, download: kbit(400), upload: kbit(400) },
];
const only = options.only.split(',').filter(Boolean);
const profiles = PROFILES.filter(({ name }) => !options.profiles || options.profiles.split(',').includes(name));

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const probe = readFileSync(new URL('probe.js', import.meta.url), 'utf8');

// What belongs to the contender.
const isTheirs = (url) => /^\/(c|v1)\//.test(new URL(url).pathname);

/** Opens a page and measures until it has been quiet for a while. */
const visit = async (tab, address, profile, find, { asked, forget }) => {
  const requests = new Map();
  const sums = { requests: 0, bytes: 0, before: 0, wasm: 0 };
  let busy = 0;
  let visible;
  tab.hear((method, { requestId, request, encodedDataLength }) => {
    if (method == 'Network.requestWillBeSent' && request.method == 'GET' && request.url.startsWith('http') && isTheirs(request.url)) {
      requests.set(requestId, { url: request.url, cached: false });
      busy++;
    } else if (requests.has(requestId) && method == 'Network.requestServedFromCache') {
      requests.get(requestId).cached = true;
    } else if (requests.has(requestId) && (method == 'Network.loadingFinished' || method == 'Network.loadingFailed')) {
      const { url, cached } = requests.get(requestId);
      requests.delete(requestId);
      busy--;
      if (url.endsWith('.wasm')) sums.wasm++;
      if (cached || !encodedDataLength) return;
      // The body as it was sent; headers are alike for everybody.
      const size = server.size(new URL(url).pathname) || 0;
      sums.requests++;
      sums.bytes += size;
    }
  });
  await tab.send('Page.enable');
  await tab.send('Network.enable');
  await tab.send('Performance.enable');
  if (forget) await tab.send('Network.clearBrowserCache');
  await tab.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: profile.latency || 0,
    downloadThroughput: profile.download || -1,
    uploadThroughput: profile.upload || -1,
  });
  await tab.send('Emulation.setCPUThrottlingRate', { rate: profile.cpu });
  await tab.send('Page.addScriptToEvaluateOnNewDocument', { source: probe.replace('FIND', `(${find})`) });
  await tab.send('Page.navigate', { url: address });
  const deadline = Date.now() + 60000;
  let quiet = 0;
  let loaded = false;
  while (Date.now() < deadline) {
    await pause(50);
    const now = await tab.value("window.noted && { at: noted.visible, ready: document.readyState }").catch(() => null);
    if (now?.at !== undefined && visible === undefined) visible = now.at;
    loaded = now?.ready == 'complete';
    quiet = loaded && !busy && (visible !== undefined || !asked) ? quiet + 1 : 0;
    if (quiet > 20) break;
  }
  const noted = await tab.value('({ visible: noted.visible, shift: noted.shift, blocked: noted.blocked, fcp: noted.fcp, lcp: noted.lcp })');
  // By the page's own clock: what is loaded behind the banner can be there before anybody looks.
  const ends = await tab.value("performance.getEntriesByType('resource').map((one) => [one.name, one.responseEnd])");
  for (const [url, end] of ends) {
    if (isTheirs(url) && end <= noted.visible) sums.before += server.size(new URL(url).pathname) || 0;
  }
  const { metrics } = await tab.send('Performance.getMetrics');
  const metric = (name) => metrics.find((one) => one.name == name).value * 1000;
  return { ...noted, ...sums, script: metric('ScriptDuration'), task: metric('TaskDuration') };
};

/** Presses "decline" as a person does, and waits until the banner is gone. */
const press = async (tab) => {
  const at = await tab.value('noted.place()');
  if (!at) return {};
  const mouse = (type) => tab.send('Input.dispatchMouseEvent', { type, x: at.x, y: at.y, button: 'left', clickCount: 1 });
  await mouse('mouseMoved');
  await mouse('mousePressed');
  await mouse('mouseReleased');
  for (let times = 0; times < 100 && (await tab.value('noted.gone ?? null')) === null; times++) await pause(20);
  await pause(300);
  return tab.value('({ gone: noted.gone, event: Math.max(0, ...noted.events) })');
};

const heap = async (tab) => {
  await tab.send('HeapProfiler.collectGarbage');
  const { usedSize } = await tab.send('Runtime.getHeapUsage');
  return usedSize + (await tab.value('noted.memory()'));
};

const all = (await contenders(options)).filter(({ name }) => !only.length || only.includes(name) || name == 'nothing');
const server = await serve(all);
const browser = await start(options.chromium);
const measured = new Map();
const keep = (profile, name, figures) => {
  const key = `${profile.name} ${name}`;
  if (!measured.has(key)) measured.set(key, []);
  measured.get(key).push(figures);
};

try {
  for (let round = 0; round < +options.rounds; round++) {
    for (const profile of profiles) {
      // Another order each round.
      const order = all.map((_, at) => all[(at + round) % all.length]);
      for (const { name, find } of order) {
        const address = `http://bench.localhost:${server.port}/${name}`;
        const visitor = await browser.visitor();
        const asked = name != 'nothing';
        const figures = {};
        try {
          let tab = await visitor.tab();
          figures.first = await visit(tab, address, profile, find, { asked });
          figures.heap = await heap(tab);
          if (asked) figures.press = await press(tab);
          await pause(200);
          await tab.close();
          for (const [what, forget] of [['warm', false], ['cold', true]]) {
            tab = await visitor.tab();
            figures[what] = await visit(tab, address, profile, find, { asked: false, forget });
            await tab.close();
          }
          keep(profile, name, figures);
        } catch (error) {
          process.stderr.write(`${name}, ${profile.name}: ${error.message}\n`);
        }
        await visitor.leave();
      }
      process.stderr.write(`round ${round + 1} of ${options.rounds}, ${profile.name}: done\n`);
    }
  }
} finally {
  await browser.end();
  server.end();
}

// ---- what it says

const median = (list) => {
  const sorted = list.filter((value) => value !== undefined && value !== null).sort((a, b) => a - b);
  if (!sorted.length) return undefined;
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};
const figure = (profile, name, look) => median((measured.get(`${profile.name} ${name}`) || []).map((one) => look(one)));
const lost = all.flatMap(({ name }) => profiles.filter((profile) => !measured.has(`${profile.name} ${name}`)).map((profile) => `${name} (${profile.name})`));
const round = (value, digits = 0) => (value === undefined ? '–' : value.toFixed(digits));
const lines = [];
const say = (line = '') => lines.push(line);
const table = (head, rows) => {
  say(`| ${head.join(' | ')} |`);
  say(`| ${head.map((_, at) => (at ? '---:' : '---')).join(' | ')} |`);
  for (const row of rows) say(`| ${row.join(' | ')} |`);
  say();
};

say('# The banner, measured');
say();
say(`Made by \`cargo xtask bench widget\` in ${browser.product}; medians of ${options.rounds} rounds, interleaved, one machine. Chromium slows down the main thread only when it`);
say('plays a slow processor: wasm is compiled in the background at full speed. `nothing` is the page without a banner.');
if (lost.length) say(`Could not be measured: ${lost.join(', ')}.`);
say();
for (const profile of profiles) {
  say(`## ${profile.name}${profile.latency ? `, ${profile.latency} ms, processor ${profile.cpu}× slower` : ''}`);
  say();
  const assent = figure(profile, 'assent', (one) => one.first.visible);
  const nothing = (look) => figure(profile, 'nothing', look) ?? 0;
  table(
    ['first visit', 'banner can be pressed, ms', 'assent ÷ it', 'kB until then', 'kB in all', 'blocking added, ms', 'layout shift', 'FCP, ms', 'LCP, ms', 'memory added, kB', 'press to gone, ms', 'slowest event, ms'],
    all.map(({ name }) => {
      const visible = figure(profile, name, (one) => one.first.visible);
      const added = (look) => Math.max(0, (figure(profile, name, look) ?? 0) - nothing(look));
      return [
        name,
        round(visible),
        visible && assent ? round(assent / visible, 2) : '–',
        round(figure(profile, name, (one) => one.first.before / 1000), 1),
        round(figure(profile, name, (one) => one.first.bytes / 1000), 1),
        round(added((one) => one.first.blocked)),
        round(figure(profile, name, (one) => one.first.shift), 3),
        round(figure(profile, name, (one) => one.first.fcp)),
        round(figure(profile, name, (one) => one.first.lcp)),
        round(added((one) => one.heap) / 1000),
        round(figure(profile, name, (one) => one.press?.gone)),
        round(figure(profile, name, (one) => one.press?.event)),
      ];
    }),
  );
  table(
    ['returning, decided', 'requests, warm', 'requests, cold', 'kB, cold', 'wasm files', 'script added, warm, ms', 'script added, cold, ms', 'asked again'],
    all.map(({ name }) => [
      name,
      round(figure(profile, name, (one) => one.warm.requests)),
      round(figure(profile, name, (one) => one.cold.requests)),
      round(figure(profile, name, (one) => one.cold.bytes / 1000), 1),
      round(figure(profile, name, (one) => one.warm.wasm + one.cold.wasm)),
      round(Math.max(0, (figure(profile, name, (one) => one.warm.script) ?? 0) - nothing((one) => one.warm.script)), 1),
      round(Math.max(0, (figure(profile, name, (one) => one.cold.script) ?? 0) - nothing((one) => one.cold.script)), 1),
      (measured.get(`${profile.name} ${name}`) || []).some((one) => one.warm.visible !== undefined) ? 'yes' : 'no',
    ]),
  );
}

// Every line of the bars that the project holds itself to, also where this run says nothing about it.
const bars = [];
const bar = (what, value, most, goal, unit, digits = 1) => {
  const known = Number.isFinite(value) && Number.isFinite(most);
  const against = (limit) => {
    if (!Number.isFinite(value) || !Number.isFinite(limit)) return 'not measured in this run';
    return value <= limit ? 'met' : `missed by ${round(value - limit, digits)} ${unit}`.trim();
  };
  const shown = (number) => (Number.isFinite(number) ? `${round(number, digits)} ${unit}`.trim() : '–');
  bars.push([what, shown(value), known ? `≤ ${shown(most)}` : '–', against(most), goal === undefined ? '–' : `≤ ${shown(goal)}: ${against(goal)}`]);
};
const full = all.filter((one) => one.full).map(({ name }) => name);
const least = (profile, look) => {
  const found = full.map((name) => figure(profile, name, look)).filter((value) => value !== undefined);
  return found.length ? Math.min(...found) : undefined;
};
const times = (value, factor) => (value === undefined ? undefined : value * factor);
const of = (profile) => (look) => profile && figure(profile, 'assent', look);
const beside = (profile) => (look) => profile && Math.max(0, of(profile)(look) - figure(profile, 'nothing', look));
for (const profile of PROFILES.filter(({ cpu }) => cpu > 1)) {
  const visible = (one) => one.first.visible;
  const eu = figure(profile, 'cookies-eu-banner', visible);
  bar(`${profile.name}: banner can be pressed, against the fastest full-featured peer`, of(profile)(visible), least(profile, visible), undefined, 'ms', 0);
  bar(`${profile.name}: banner can be pressed, against cookies-eu-banner`, of(profile)(visible), times(eu, 1.05), eu, 'ms', 0);
}
const [fast, slow] = PROFILES;
const any = profiles[0];
const lightest = least(any, (one) => one.cold.script);
bar('brotli until the banner can be pressed', times(of(any)((one) => one.first.before), 1e-3), 8, 6, 'kB');
bar('brotli, first visit, widget included', times(of(any)((one) => one.first.bytes), 1e-3), 60, 48, 'kB');
bar('returning, decided, warm: requests', of(any)((one) => one.warm.requests), 0, undefined, '', 0);
bar('returning, decided, cold: brotli', times(of(any)((one) => one.cold.bytes), 1e-3), 8, undefined, 'kB');
bar('returning, decided: wasm files', of(any)((one) => one.warm.wasm + one.cold.wasm), 0, undefined, '', 0);
bar('returning, decided: script, against the lightest full-featured peer', of(any)((one) => one.cold.script), lightest, figure(any, 'cookies-eu-banner', (one) => one.cold.script), 'ms');
for (const profile of [fast, slow]) {
  const gone = (one) => one.press?.gone;
  // A frame of a screen that draws sixty times a second.
  bar(`${profile.name}: press to banner gone, against the fastest full-featured peer`, of(profile)(gone), times(least(profile, gone), 1.1), 17, 'ms', 0);
}
bar(`${slow.name}, processor 4× slower: slowest event`, of(slow)((one) => one.press?.event), 50, 24, 'ms', 0);
bar(`${slow.name}, processor 4× slower: blocking added`, beside(slow)((one) => one.first.blocked), 20, 0, 'ms', 0);
bar('heap and wasm memory added', times(beside(any)((one) => one.heap), 1e-6), 1.5, 0.6, 'MB', 2);
for (const profile of PROFILES) bar(`${profile.name}: layout shift`, of(profile)((one) => one.first.shift), 0, 0, '', 3);
// Not measurably worse: within what three of four rounds without a banner stayed under.
for (const profile of PROFILES) {
  for (const what of ['fcp', 'lcp']) {
    const alone = (measured.get(`${profile.name} nothing`) || []).map((one) => one.first[what]).sort((a, b) => a - b);
    const most = alone[Math.ceil(alone.length * 0.75) - 1];
    bar(`${profile.name}: ${what.toUpperCase()}, against the page alone`, of(profile)((one) => one.first[what]), most, undefined, 'ms', 0);
  }
}
say('## Bars');
say();
table(['figure', 'measured', 'bar', '', 'goal'], bars);
say('Layout shift is of the bar; the browser tests look at it in every layout.');

const text = `${lines.join('\n').trim()}\n`;
process.stdout.write(text);
if (options.report) writeFileSync(options.report, text);
