/** A refusal: something that was asked and may not be done. The message says what, why, and what to do instead. */

export class Refusal extends Error {
  override name = 'Refusal';
  /** A stable word for the audit: `self_sign_off`, `digest_moved`. */
  readonly code: string;
  /** References it concerns; never names, births or free text. */
  readonly about: Record<string, unknown>;

  constructor(code: string, message: string, about: Record<string, unknown> = {}) {
    super(message);
    this.code = code;
    this.about = about;
  }
}
