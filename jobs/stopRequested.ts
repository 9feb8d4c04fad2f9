/** How a process that stays up is told to end: SIGTERM, or Ctrl-C. */

/** Resolves when this process is told to stop; a second time ends it at once. */
export function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}
