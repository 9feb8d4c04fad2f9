/** Pages that need neither a session nor the database: what is shown when either is away, or before any page was asked for. */
import { STATUS_CODES } from 'node:http';
import type { FastifyReply } from 'fastify';
import nunjucks from 'nunjucks';
import { TEMPLATE_FOLDERS } from './assets.ts';
import { contentSecurityPolicy, PERMISSIONS_POLICY, STRICT_TRANSPORT_SECURITY } from './headers.ts';
import type { Answer, Site } from './page.ts';
import { prepareTemplates } from './views.ts';

export type ErrorPage = Extract<Answer, { kind: 'page' }>;

export interface BarePages {
  /** Answers past every hook: one of them may be what failed. */
  send(reply: FastifyReply, answer: ErrorPage): void;
  /** The same for a socket on which nothing could be read. */
  sentence(answer: ErrorPage): string;
}

/** Makes them for a site; `assets` is where its style sheets are served. */
export function barePages(site: Site, assets: string): BarePages {
  const environment = new nunjucks.Environment(new nunjucks.FileSystemLoader(TEMPLATE_FOLDERS), {
    autoescape: true,
    trimBlocks: true,
    lstripBlocks: true,
  });
  prepareTemplates(environment);
  const htmlOf = ({ template, title, data }: ErrorPage) =>
    environment.render(`pages/${template}.njk`, {
      ...data,
      title,
      assets,
      person: null,
      rehearsal: site.kind === 'rehearsal',
      today: site.today(),
      navigation: [],
      csrf: '',
    });
  return {
    send(reply, answer) {
      reply.hijack();
      reply.raw.writeHead(answer.status, headersOf(site, answer.status)).end(htmlOf(answer));
    },
    sentence(answer) {
      const html = htmlOf(answer);
      const head = Object.entries({
        ...headersOf(site, answer.status),
        'content-length': String(Buffer.byteLength(html)),
        connection: 'close',
      });
      const lines = [`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}`, ...head.map(([name, value]) => `${name}: ${value}`)];
      return `${lines.join('\r\n')}\r\n\r\n${html}`;
    },
  };
}

function headersOf(site: Site, status: number): Record<string, string> {
  const secure = site.origin.startsWith('https:');
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentSecurityPolicy(site),
    'permissions-policy': PERMISSIONS_POLICY,
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    ...(secure ? { 'strict-transport-security': STRICT_TRANSPORT_SECURITY } : {}),
    ...(status === 503 ? { 'retry-after': '60' } : {}),
  };
}
