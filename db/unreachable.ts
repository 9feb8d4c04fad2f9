/** Which errors say that the database cannot be reached, as against refusing what was asked of it. */

/** Said by the driver, after the statement, where the other end of a connection went away. */
const LOST = /(?:^| - )((?:Connection (?:terminated|ended)|Client has encountered a connection error|read ECONNRESET|write EPIPE).*)$/;

/** What the driver said of a connection that went away; undefined for any other error. */
export function howItWasLost({ message }: Error): string | undefined {
  return LOST.exec(message)?.[1];
}

const UNKNOWN_AUTHORITY = [
  'is signed by an authority that this machine does not know',
  'Put the authority’s certificate into a file and add sslrootcert=/path/of/that/file to DATABASE_URL',
] as const;

/** What is wrong with a server's certificate and what to do, by the code that Node gives. */
const TLS_TROUBLE: Readonly<Record<string, readonly [trouble: string, next: string]>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: [
    'is signed by itself',
    'Put that certificate into a file and add sslrootcert=/path/of/that/file to DATABASE_URL',
  ],
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  ERR_TLS_CERT_ALTNAME_INVALID: ['is for another host than DATABASE_URL names', 'Name the host as the certificate does'],
  CERT_HAS_EXPIRED: ['has expired', 'Have the server’s administrator renew it'],
};

/** Why the database's end of TLS was not trusted and what to do, for people; null for any other error. */
export function tlsTrouble(error: Error): string | null {
  if (/does not support SSL connections$/.test(error.message))
    return 'DATABASE_URL asks for TLS (sslmode), and the database does not speak it. Switch ssl on there, or leave sslmode out where the way to it is safe.';
  const { code = '' } = error as Error & { code?: string };
  const known = TLS_TROUBLE[code];
  if (known === undefined) return null;
  const [trouble, next] = known;
  return `The database’s certificate ${trouble} (${code}), so nothing was sent to it. ${next}.`;
}

/** True for an error of reaching a database or of being let in. */
export function isOfConnecting(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { severity, code, syscall } = error as Error & { severity?: string; code?: string; syscall?: string };
  if (severity) return /^(08|28|3D|57P03)/.test(code ?? '');
  return (
    ['connect', 'getaddrinfo'].includes(syscall ?? '') ||
    error.message.startsWith('SASL') ||
    tlsTrouble(error) !== null ||
    error instanceof AggregateError
  );
}

/** True while nothing can be asked of the database: it is away, stops, or has no connection left. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { severity, code } = error as Error & { severity?: string; code?: string };
  if (severity) return /^(08|28|3D|53300|57P0)/.test(code ?? '');
  return isOfConnecting(error) || howItWasLost(error) !== undefined || /acquir(?:e|ing) a connection/.test(error.message);
}
