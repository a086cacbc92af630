// Checks `usage.ts` with npm's TypeScript as strictly as it can be, and prints what `assent.d.ts` says there is, as JSON: what the
// compiler complains about, and the members of each interface.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
const types = join(here, '../../../frontend/loader/assent.d.ts');
const program = ts.createProgram([join(here, 'usage.ts')], {
  strict: true,
  noEmit: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ES2022,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  types: [],
});
const complaints = ts
  .getPreEmitDiagnostics(program)
  .map(({ file, start, messageText }) => {
    const place = file ? `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line + 1}: ` : '';
    return place + ts.flattenDiagnosticMessageText(messageText, ' ');
  });
const members = {};
for (const node of program.getSourceFile(types).statements.filter(ts.isInterfaceDeclaration)) {
  members[node.name.text] = node.members.map((member) => member.name.getText()).sort();
}
console.log(JSON.stringify({ complaints, members }));
