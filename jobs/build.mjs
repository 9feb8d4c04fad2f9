/**
 * Compiles the product's TypeScript into `.build/`, beside the sources and owned by who installs them, and says whether what lies
 * there was made of these sources. JavaScript, for it runs before anything is compiled. `npm ci`, `npm pack` and `npm run build` run it.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUILT = path.join(ROOT, '.build');
/** What the build was made of: by path, size, time and digest of each source. */
const MADE_OF = 'sources.json';
const FOLDERS = ['rules', 'db', 'reports', 'jobs'];
/** Decide how every source is compiled, so that a change of one of them makes all of it anew. */
const SETTINGS = ['package.json', 'tsconfig.json', 'jobs/build.mjs'];

/** Null where the compiled code is of these sources, as it always is in an installed package, which has no others; else what is wrong. */
export function whyStale() {
  if (!existsSync(path.join(BUILT, MADE_OF))) return 'The product is not compiled yet';
  if (!isCheckout()) return null;
  const made = madeOf();
  const sources = sourceNames();
  const isSame = sources.length === Object.keys(made).length && sources.every((name) => made[name] && isUnchanged(name, made[name]));
  return isSame ? null : 'The compiled code is of other sources than those beside it';
}

/** Compiles what changed, beside the build in use, and puts the new one in its place. Throws where TypeScript or the right to write is missing. */
export async function build() {
  const compile = await compiler();
  const made = existsSync(path.join(BUILT, MADE_OF)) ? madeOf() : {};
  const next = path.join(ROOT, `.build-${randomBytes(6).toString('hex')}`);
  try {
    const sources = Object.fromEntries(sourceNames().map((name) => [name, describe(name)]));
    const isSettled = SETTINGS.every((name) => made[name]?.sha256 === sources[name].sha256);
    for (const name of Object.keys(sources).filter((name) => !SETTINGS.includes(name))) {
      mkdirSync(path.join(next, path.dirname(name)), { recursive: true });
      const isKept = isSettled && made[name]?.sha256 === sources[name].sha256;
      if (!isKept || !keep(name, next)) make(name, next, compile);
    }
    const { type, version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    writeFileSync(path.join(next, 'package.json'), JSON.stringify({ type, version }));
    writeFileSync(path.join(next, MADE_OF), JSON.stringify(sources));
    swapIn(next);
  } finally {
    rmSync(next, { recursive: true, force: true });
  }
}

function isCheckout() {
  return existsSync(path.join(ROOT, 'jobs', 'main.ts'));
}

function madeOf() {
  return JSON.parse(readFileSync(path.join(BUILT, MADE_OF), 'utf8'));
}

function sourceNames() {
  const found = FOLDERS.flatMap((folder) => readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true }));
  const files = found.filter((entry) => entry.isFile() && !entry.name.endsWith('.mjs'));
  const names = files.map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)));
  return [...new Set([...names.map((name) => name.split(path.sep).join('/')), ...SETTINGS])].sort();
}

/** Reads a source only where its size or time is another: a copy or a checkout has the same text at another time. */
function isUnchanged(name, { size, mtimeMs, sha256 }) {
  const now = statSync(path.join(ROOT, name));
  return now.size === size && (now.mtimeMs === mtimeMs || digestOf(name) === sha256);
}

function describe(name) {
  const { size, mtimeMs } = statSync(path.join(ROOT, name));
  return { size, mtimeMs, sha256: digestOf(name) };
}

function digestOf(name) {
  return createHash('sha256')
    .update(readFileSync(path.join(ROOT, name)))
    .digest('hex');
}

/** What the sources' own `tsc -p .` would write of one file: `isolatedModules` and `erasableSyntaxOnly` make that a matter of the file alone. */
async function compiler() {
  const { default: ts } = await import('typescript').catch((cause) => {
    throw new Error('TypeScript is not installed here', { cause });
  });
  const { config } = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  const compilerOptions = {
    ...options,
    noEmit: false,
    module: ts.ModuleKind.ESNext,
    rewriteRelativeImportExtensions: true,
    sourceMap: true,
  };
  return (fileName, text) => ts.transpileModule(text, { fileName, compilerOptions: { ...compilerOptions, inlineSources: true } });
}

function compiledNames(name) {
  const compiled = name.replace(/\.ts$/, '.js');
  return compiled === name ? [name] : [compiled, `${compiled}.map`];
}

/** Takes over what was compiled of the same text before; false where some of it is missing. */
function keep(name, next) {
  const names = compiledNames(name);
  if (!names.every((compiled) => existsSync(path.join(BUILT, compiled)))) return false;
  for (const compiled of names) copyFileSync(path.join(BUILT, compiled), path.join(next, compiled));
  return true;
}

function make(name, next, compile) {
  const [code, map] = compiledNames(name);
  if (map === undefined) return copyFileSync(path.join(ROOT, name), path.join(next, code));
  const compiled = compile(path.basename(name), readFileSync(path.join(ROOT, name), 'utf8'));
  writeFileSync(path.join(next, code), compiled.outputText);
  writeFileSync(path.join(next, map), compiled.sourceMapText);
}

/** Two renames: a command that starts between them finds no build and makes one; whoever comes second here leaves the other's. */
function swapIn(next) {
  const before = `${next}-before`;
  renameUnless(['ENOENT'], BUILT, before);
  renameUnless(['ENOTEMPTY', 'EEXIST'], next, BUILT);
  rmSync(before, { recursive: true, force: true });
}

function renameUnless(codes, from, to) {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!codes.includes(error.code)) throw error;
  }
}

// `npm ci --omit=dev` of a package that was built needs no compiler.
const [, started] = process.argv;
if (started !== undefined && realpathSync(started) === fileURLToPath(import.meta.url) && whyStale() !== null) await build();
