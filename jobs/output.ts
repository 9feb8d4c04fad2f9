/** Standard output and standard error of a process: where they can be written no more, the work goes on, and it is said. */
import { systemCode } from '../db/fileIo.ts';

/** Why each of them could not be written, by its name. */
export type LostOutput = Readonly<Record<string, string>>;

export const LOST_OUTPUT_NEXT = 'Make room where it goes, or see to what reads it.';

/** From now on an error of writing to one of these ends nothing; returns what was lost so far, which grows. */
export function noteLostOutput(streams: Readonly<Record<string, NodeJS.WritableStream>>): LostOutput {
  const lost: Record<string, string> = {};
  for (const [name, stream] of Object.entries(streams)) {
    stream.on('error', (error: unknown) => {
      lost[name] ??= systemCode(error) ?? String(error);
    });
  }
  return lost;
}

/** A sentence for people; null when nothing was lost. */
export function lostOutputWords(lost: LostOutput = {}): string | null {
  const places = Object.entries(lost).map(([name, code]) => `${name}: ${code}`);
  return places.length === 0
    ? null
    : `The log could not be written (${places.join(', ')}), so lines of it are lost; the work itself went on.`;
}

/** The same with what to do. */
export function lostOutputNotice(lost?: LostOutput): string | null {
  const words = lostOutputWords(lost);
  return words === null ? null : `${words} ${LOST_OUTPUT_NEXT}`;
}
