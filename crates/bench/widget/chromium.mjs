// Chromium behind its DevTools protocol, spoken over a pipe: no package and no port. Starts one browser with an empty profile;
// gives contexts, each as empty as a visitor's first day. Measures nothing.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FLAGS = [
  '--headless=new',
  '--remote-debugging-pipe',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-extensions',
  '--disable-sync',
  '--mute-audio',
  '--window-size=1280,900',
  // Inside a container there is no other sandbox, and pages are the benchmark's own.
  '--no-sandbox',
];

/** Starts a browser. `end` stops it and forgets its profile. */
export const start = async (program) => {
  const profile = mkdtempSync(join(tmpdir(), 'assent-bench-'));
  const child = spawn(program, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const [, , , to, from] = child.stdio;
  const waiting = new Map();
  const listeners = new Map();
  let last = 0;
  let rest = '';
  from.setEncoding('utf8');
  from.on('data', (text) => {
    const messages = (rest + text).split('\0');
    rest = messages.pop();
    for (const message of messages.map((one) => JSON.parse(one))) {
      if (message.id) {
        const { done, failed } = waiting.get(message.id);
        waiting.delete(message.id);
        if (message.error) failed(new Error(message.error.message));
        else done(message.result);
      } else {
        listeners.get(message.sessionId)?.forEach((listener) => listener(message.method, message.params));
      }
    }
  });
  const exited = new Promise((done) => child.once('exit', done));
  exited.then(() => waiting.forEach(({ failed }) => failed(new Error('Chromium ended'))));
  const send = (method, params = {}, sessionId) =>
    new Promise((done, failed) => {
      const id = ++last;
      waiting.set(id, { done, failed });
      to.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });

  /** A tab of a new, empty context. */
  const visitor = async () => {
    const { browserContextId } = await send('Target.createBrowserContext');
    const tab = async () => {
      const { targetId } = await send('Target.createTarget', { url: 'about:blank', browserContextId });
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
      const heard = [];
      listeners.set(sessionId, heard);
      return {
        send: (method, params) => send(method, params, sessionId),
        hear: (listener) => heard.push(listener),
        /** The value of an expression; promises are waited for. */
        value: async (expression) => {
          const { result, exceptionDetails } = await send(
            'Runtime.evaluate',
            { expression, awaitPromise: true, returnByValue: true },
            sessionId,
          );
          if (exceptionDetails) throw new Error(exceptionDetails.exception?.description || exceptionDetails.text);
          return result.value;
        },
        close: async () => {
          listeners.delete(sessionId);
          await send('Target.closeTarget', { targetId });
        },
      };
    };
    return { tab, leave: () => send('Target.disposeBrowserContext', { browserContextId }) };
  };

  const { product } = await send('Browser.getVersion');
  return {
    product,
    visitor,
    end: async () => {
      send('Browser.close').catch(() => {});
      await exited;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
};
