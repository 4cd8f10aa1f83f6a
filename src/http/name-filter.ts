// Which names a list is asked for: those that contain a text, or match a regular expression. Somebody else's expression can
// take for ever (`(a+)+$`), so it runs in a context that is stopped after a moment.
import { createContext, Script } from 'node:vm';
import { badRequest } from './http-error.ts';

const LIMIT_MS = 200;
const MAX_PATTERN_LENGTH = 1000;

const script = new Script('names.map((name) => expression.test(name))');

/** @throws HttpError 400 for what is no regular expression, or takes too long. */
export function matching(names: readonly string[], pattern: string, isRegex: boolean): boolean[] {
  if (!isRegex) {
    // As RabbitMQ, a plain filter does not care for case.
    const wanted = pattern.toLowerCase();
    return names.map((name) => name.toLowerCase().includes(wanted));
  }
  const context = createContext({ names, expression: compile(pattern) });
  try {
    return script.runInContext(context, { timeout: LIMIT_MS }) as boolean[];
  } catch {
    throw badRequest('the regular expression takes too long');
  }
}

function compile(pattern: string): RegExp {
  if (pattern.length <= MAX_PATTERN_LENGTH) {
    for (const flags of ['iu', 'i']) {
      try {
        return new RegExp(pattern, flags);
      } catch {
        // RabbitMQ's expressions may escape what JavaScript's strict ones may not.
      }
    }
  }
  throw badRequest('Pagination parameters are invalid');
}
