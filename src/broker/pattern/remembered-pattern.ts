// A pattern that is asked about the same names again and again, as those of permissions are: it remembers its answers.
import { Pattern } from './pattern.ts';

/** Names that are remembered. Clients choose names, so when there are more, all are forgotten. */
const MAX_NAMES = 1024;

export class RememberedPattern {
  readonly #pattern: Pattern;
  readonly #answers = new Map<string, boolean>();

  /** @throws PatternError for a text that is no pattern, or none that is supported. */
  constructor(text: string) {
    this.#pattern = new Pattern(text);
  }

  /** Whether the pattern is found anywhere in a name. */
  matches(name: string): boolean {
    const known = this.#answers.get(name);
    if (known !== undefined) return known;
    const answer = this.#pattern.matches(name);
    if (this.#answers.size >= MAX_NAMES) this.#answers.clear();
    this.#answers.set(name, answer);
    return answer;
  }
}
