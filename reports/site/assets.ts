/** Style sheets, scripts and icons: from the packages and from `assets/`, under an address that changes when one of them does. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Asset {
  type: string;
  content: Buffer;
}

export interface Assets {
  /** Where they are served: `/assets/3f2a…`. */
  address: string;
  /** By name. */
  files: Map<string, Asset>;
}

const require = createRequire(import.meta.url);
const GOVUK = path.join(path.dirname(require.resolve('govuk-frontend/package.json')), 'dist');
const MOJ = path.dirname(require.resolve('@ministryofjustice/frontend/package.json'));
const OWN = fileURLToPath(new URL('./assets', import.meta.url));

/** Where templates are looked for: ours, then those of the two design systems. */
export const TEMPLATE_FOLDERS = [fileURLToPath(new URL('./templates', import.meta.url)), GOVUK, MOJ];

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Reads them all, once. */
export function readAssets(): Assets {
  const files = new Map<string, Asset>();
  const add = (name: string, content: Buffer | string) => {
    files.set(name, { type: TYPES[path.extname(name)] ?? 'application/octet-stream', content: Buffer.from(content) });
  };
  add('govuk.css', unbranded(readFileSync(path.join(GOVUK, 'govuk/govuk-frontend.min.css'), 'utf8')));
  add('moj.css', unbranded(readFileSync(path.join(MOJ, 'moj/moj-frontend.min.css'), 'utf8')));
  add('govuk-frontend.min.js', withoutMap(readFileSync(path.join(GOVUK, 'govuk/govuk-frontend.min.js'), 'utf8')));
  for (const name of readdirSync(OWN)) add(name, readFileSync(path.join(OWN, name)));
  const digest = createHash('sha256');
  for (const [name, { content }] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) digest.update(name).update(content);
  return { address: `/assets/${digest.digest('hex').slice(0, 12)}`, files };
}

/** The typeface and the crest are for GOV.UK alone: Arial instead, and no address of either. */
function unbranded(css: string): string {
  return withoutMap(css)
    .replace(/@font-face\{[^}]*\}/g, '')
    .replaceAll('GDS Transport,arial,sans-serif', 'arial,sans-serif')
    .replace(/url\(\/assets\/[^)]*\)/g, 'none');
}

function withoutMap(text: string): string {
  return text.replace(/\n?\/[/*]# sourceMappingURL=.*$/s, '');
}
