// The button at the end of a row that takes away what the row is about, after asking.
import { change } from '../api.ts';
import { confirmed } from './confirm.tsx';
import { attempt } from './notice.tsx';

interface RemoveProps {
  readonly at: string;
  readonly what: string;
  /** What it means. */
  readonly text: string;
  readonly action?: string;
}

export function Remove({ at, what, text, action = 'Delete' }: RemoveProps) {
  const run = async () => {
    const isSure = await confirmed({ title: `${action} ${what}?`, text, action });
    if (isSure) await attempt(() => change('DELETE', at), 'Done');
  };
  return (
    <button type="button" class="small danger" aria-label={`${action} ${what}`} onClick={run}>
      {action}
    </button>
  );
}
