// One server for every contender: the same page around each, everything compressed beforehand with the same brotli, the same
// cache headers. Addresses under `/c/` and `/v1/` belong to the contender, all others to the page.

import { createServer } from 'node:http';
import { brotliCompressSync, constants } from 'node:zlib';

const KINDS = { js: 'text/javascript', mjs: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', json: 'application/json', wasm: 'application/wasm' };

const pack = (body) => {
  const plain = Buffer.from(body);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length };
  return { plain, brotli: brotliCompressSync(plain, { params }) };
};

const words = 'The clinic is open on weekdays and people may come without an appointment when something cannot wait until tomorrow morning'.split(' ');
const text = (count, from) => Array.from({ length: count }, (_, at) => words[(at * 7 + from) % words.length]).join(' ');

// Some 25 kB of markup, 12 kB of styles and a script of the site's own, as small sites have.
const style = Array.from({ length: 160 }, (_, at) => `.block-${at} > p { margin: ${at % 9}px 0; color: rgb(${at % 90}, 40, 60) }`).join('\n');
const script = `addEventListener('DOMContentLoaded',()=>{for(const p of document.querySelectorAll('p'))p.dataset.words=p.textContent.split(' ').length});\n${
  Array.from({ length: 120 }, (_, at) => `function part${at}(a){return a.map((x)=>x*${at}).filter((x)=>x%${at + 2}).join('${text(6, at)}')}`).join('\n')}`;
const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 300"><rect width="800" height="300" fill="#dde7f0"/>${
  Array.from({ length: 200 }, (_, at) => `<circle cx="${(at * 37) % 800}" cy="${(at * 53) % 300}" r="${4 + (at % 20)}" fill="#9${at % 10}b"/>`).join('')}</svg>`;

const page = ({ head = '', body = '' }) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A page</title>${head}<link rel="stylesheet" href="/site.css"><link rel="icon" href="data:,"></head>
<body><header><h1>A page of a clinic</h1></header><main><img src="/picture.svg" width="800" height="300" alt="">${
  Array.from({ length: 60 }, (_, at) => `<section class="block-${at}"><h2>Part ${at}</h2><p>${text(60, at)}</p></section>`).join('\n')
}</main><script src="/site.js"></script>${body}</body></html>`;

/**
 * Serves contenders; gives the port and what ends it.
 *
 * Each has `name`, `head` and `body` (markup) and `files` (by address). Its page is `/NAME`.
 */
export const serve = async (contenders) => {
  const files = new Map();
  const add = (address, kind, body, cache) => files.set(address, { kind, cache, ...pack(body) });
  const own = 'public, max-age=86400';
  add('/site.css', KINDS.css, style, own);
  add('/site.js', KINDS.js, script, own);
  add('/picture.svg', KINDS.svg, picture, own);
  for (const contender of contenders) {
    add(`/${contender.name}`, 'text/html; charset=utf-8', page(contender), 'no-cache');
    for (const [address, body] of Object.entries(contender.files || {})) {
      add(address, KINDS[address.split('.').pop()], body, own);
    }
  }
  const server = createServer((request, response) => {
    const found = files.get(request.url.split('?')[0]);
    if (request.method == 'POST') {
      response.writeHead(201, { 'content-type': 'application/json' }).end('{}');
    } else if (!found) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end();
    } else {
      const brotli = (request.headers['accept-encoding'] || '').includes('br');
      response.writeHead(200, {
        'content-type': found.kind,
        'cache-control': found.cache,
        'access-control-allow-origin': '*',
        ...(brotli && { 'content-encoding': 'br' }),
      });
      response.end(brotli ? found.brotli : found.plain);
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { port: server.address().port, end: () => server.close(), size: (address) => files.get(address)?.brotli.length };
};
