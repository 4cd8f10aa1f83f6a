// A client's mistake (or ours, code 541), as it goes into channel.close or connection.close. Thrown where the mistake is
// noticed and caught once, by the connection.
import { hardErrors, ReplyCode } from './methods.generated.ts';
import { cutUtf8 } from './utf8.ts';

const codeNames = new Map<number, string>(
  Object.entries(ReplyCode).map(([name, code]) => [code, name]),
);

/** `NOT_FOUND` for 404, and so on. */
export function replyCodeName(code: number): string {
  return codeNames.get(code) ?? String(code);
}

/** A short string holds 255 octets; longer reply texts are cut at a character's border. */
const MAX_TEXT_BYTES = 255;

export class AmqpError extends Error {
  override readonly name = 'AmqpError';
  readonly code: ReplyCode;
  readonly #methodId: number | undefined;

  /** `explanation` is what follows `CODE_NAME - ` in the reply text. */
  constructor(code: ReplyCode, explanation: string, methodId?: number) {
    super(`${replyCodeName(code)} - ${explanation}`);
    this.code = code;
    this.#methodId = methodId;
  }

  /** The method to blame, where it is not simply the one that was being handled (0 = none). */
  get methodId(): number | undefined {
    return this.#methodId;
  }

  /** Whether the whole connection closes, rather than one channel (the specification's hard errors). */
  get isHard(): boolean {
    return hardErrors.has(this.code);
  }

  /** The message, cut to what a short string holds. */
  get replyText(): string {
    return cutUtf8(this.message, MAX_TEXT_BYTES);
  }
}
