/** Which errors say that the database cannot be reached, as against refusing what was asked of it. */

/** Said by the driver, after the statement, where the other end of a connection went away. */
const LOST = /(?:^| - )((?:Connection (?:terminated|ended)|Client has encountered a connection error|read ECONNRESET|write EPIPE).*)$/;

/** What the driver said of a connection that went away; undefined for any other error. */
export function howItWasLost({ message }: Error): string | undefined {
  return LOST.exec(message)?.[1];
}

/** True for an error of reaching a database or of being let in. */
export function isOfConnecting(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { severity, code, syscall } = error as Error & { severity?: string; code?: string; syscall?: string };
  if (severity) return /^(08|28|3D|57P03)/.test(code ?? '');
  return (
    ['connect', 'getaddrinfo'].includes(syscall ?? '') || /^SASL|SSL connections$/.test(error.message) || error instanceof AggregateError
  );
}

/** True while nothing can be asked of the database: it is away, stops, or has no connection left. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { severity, code } = error as Error & { severity?: string; code?: string };
  if (severity) return /^(08|28|3D|53300|57P0)/.test(code ?? '');
  return isOfConnecting(error) || howItWasLost(error) !== undefined || /acquir(?:e|ing) a connection/.test(error.message);
}
