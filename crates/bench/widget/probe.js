// Runs in each measured page before anything of the page: notes when the banner can be pressed and when it is gone, how the
// page moved, how long it was blocked, and how much wasm memory there is. It is put around a function that finds the button
// that refuses.

((find) => {
  const noted = (window.noted = { shift: 0, blocked: 0, wasm: 0, events: [] });
  const memories = new Set();
  const take = (instance) => {
    for (const part of Object.values(instance.exports)) if (part instanceof WebAssembly.Memory) memories.add(part);
  };
  for (const name of ['instantiate', 'instantiateStreaming']) {
    const real = WebAssembly[name];
    WebAssembly[name] = async (...all) => {
      const made = await real.apply(WebAssembly, all);
      take(made.instance || made);
      return made;
    };
  }
  noted.memory = () => [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
  const observe = (type, each, more) => {
    try {
      new PerformanceObserver((list) => list.getEntries().forEach(each)).observe({ type, buffered: true, ...more });
    } catch {
      // This browser does not know it.
    }
  };
  observe('layout-shift', (entry) => entry.hadRecentInput || (noted.shift += entry.value));
  observe('longtask', (entry) => (noted.blocked += Math.max(0, entry.duration - 50)));
  observe('largest-contentful-paint', (entry) => (noted.lcp = entry.startTime));
  observe('paint', (entry) => entry.name == 'first-contentful-paint' && (noted.fcp = entry.startTime));
  observe('event', (entry) => entry.interactionId && noted.events.push(entry.duration), { durationThreshold: 16 });

  const button = () => find(window, document);
  // In front of everything and opaque enough to be read.
  const place = (found) => {
    if (!found || !found.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return;
    const { left, top, width, height } = found.getBoundingClientRect();
    if (!width || !height) return;
    const at = { x: left + width / 2, y: top + height / 2 };
    const front = found.getRootNode().elementFromPoint(at.x, at.y);
    return front && found.contains(front) && at;
  };
  noted.place = () => place(button());
  let pressed;
  addEventListener('pointerdown', () => (pressed ??= performance.now()), true);
  const frame = () => {
    const at = place(button());
    if (at && noted.visible === undefined) noted.visible = performance.now();
    if (!at && pressed !== undefined && noted.gone === undefined) noted.gone = performance.now() - pressed;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})(FIND);
