/** Progress of long steps: one line that moves on a terminal, a plain line now and then elsewhere. */
import type { Surroundings } from './context.ts';

export interface Progress {
  update(text: string): void;
  /** Ends the moving line. */
  done(): void;
}

const TERMINAL_INTERVAL_MS = 100;
const PLAIN_INTERVAL_MS = 10_000;

/** Progress of one step, named at the start of each line, on standard error. */
export function showProgress({ stderr, clock }: Surroundings, step: string): Progress {
  const terminal = stderr.isTTY === true;
  let last = clock().getTime();
  let moving = false;
  return {
    update(text) {
      const now = clock().getTime();
      if (now - last < (terminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS)) return;
      last = now;
      moving = terminal;
      stderr.write(terminal ? `\r\u001b[2K${step}: ${text}` : `${step}: ${text}\n`);
    },
    done() {
      if (moving) stderr.write('\r\u001b[2K');
    },
  };
}
