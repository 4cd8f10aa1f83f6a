// Which names a list is asked for: those that contain a text, or match a regular expression; neither cares for case, as in
// RabbitMQ.
import { Pattern, PatternError } from '../broker/pattern/pattern.ts';
import { badRequest } from './http-error.ts';

/** @throws HttpError 400 for what is no regular expression. */
export function nameFilter(wanted: string, isRegex: boolean): (name: string) => boolean {
  if (!isRegex) {
    const lower = wanted.toLowerCase();
    return (name) => name.toLowerCase().includes(lower);
  }
  const pattern = patternOf(`(?i)${wanted}`);
  return (name) => pattern.matches(name);
}

function patternOf(text: string): Pattern {
  try {
    return new Pattern(text);
  } catch (error) {
    if (error instanceof PatternError) throw badRequest('Pagination parameters are invalid');
    throw error;
  }
}
