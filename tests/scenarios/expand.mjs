// Turns a JSON-LD document into N-Quads, with no network: what other programs understand of our views. Anything that would be
// lost on the way (a word the context does not know, an address that is none) is an error. Not part of the product.
import jsonld from 'jsonld';
import { readFileSync } from 'node:fs';

const documentLoader = (url) => { throw new Error(`the document wants ${url} from the network`); };
const document = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(await jsonld.toRDF(document, { format: 'application/n-quads', safe: true, documentLoader }));
