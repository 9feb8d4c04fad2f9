/** The refusal of a whole extract. */

/** The whole import is refused: which file, what is wrong with it, what to do next. */
export class ExtractRefused extends Error {
  readonly file: string;
  constructor(file: string, problem: string, next: string, options?: ErrorOptions) {
    super(`${file}: ${problem}. ${next}.`, options);
    this.name = 'ExtractRefused';
    this.file = file;
  }
}
